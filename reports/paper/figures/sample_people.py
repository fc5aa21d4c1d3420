"""Fig. 3: people of the validation split who are easy, medium and hard, in frames of three colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from heatmark.datasets.people import Person
from heatmark.datasets.subsets import DIFFICULTIES, INTERSECTION, labelled_joints, occluded_share, root_of_area
from heatmark.foundation.counted import counted
from heatmark.reports.paper.figures.people import cut_out, gone, read_people
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.reading.digest import DIFFICULTY_WORDS, rules_of
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.picture_grid import Grid, Picture, grid_svg

PER_ROW = 6
SIDE = 150
# Okabe and Ito's blue, green and vermilion; the paper's are blue, green and red.
FRAMES = {"easy": "#0072B2", "medium": "#009E73", "hard": "#D55E00"}


def sample_people(setting: DrawnSetting) -> Figure:
    """Easy, medium and hard people of the data set (the paper's Fig. 3)."""
    title = f"Fig. 3, {setting.dataset}"
    people = read_people(setting)
    if people is None:
        return Figure("", "Easy, medium and hard people.", "", title, f"{setting.dataset}: {gone(setting)}")
    rules = rules_of(setting.format, len(people.skeleton.joints))
    rows, counts = [], {}
    for name in DIFFICULTIES:
        members = [person for person in people.people if rules.difficulty_of(person) == name]
        counts[name] = len(members)
        pictures = _pictures(members, FRAMES[name])
        if pictures:
            rows.append((f"{name}", (*pictures, *[None] * (PER_ROW - len(pictures)))))
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    by_all = Counter(rules.difficulty_of(person, INTERSECTION) for person in people.people)
    narrow = ", ".join(f"{by_all[name]} {name}" for name in DIFFICULTIES)
    caption = (
        f"People of the validation split by difficulty: easy in blue, medium in green, hard in vermilion. Of "
        f"{counted(len(people.people), 'person', 'people')} {words}. {DIFFICULTY_WORDS} "
        "By joints, size and occlusion at once there "
        f"are {narrow}. On each picture: labelled joints, share of hidden ones, root of the area in pixels."
    )
    if not rows:
        return Figure("", caption, "", title, f"{setting.dataset}: nobody in it is easy, medium or hard.")
    grid = Grid(("",) * PER_ROW, tuple(rows), empty="")
    return Figure(grid_svg(grid, aspect=1.0, widest=1.1), caption, "People in frames of three colours", title)


def _pictures(members: Sequence[Person], frame: str) -> list[Picture]:
    """Of people spread evenly over the split, each on another image where there are enough."""
    first_on_image = list({person.image_id: person for person in reversed(members)}.values())[::-1]
    step = max(1, len(first_on_image) // PER_ROW)
    spread = first_on_image[::step]
    order = [*spread, *(person for place, person in enumerate(first_on_image) if place % step)]
    pictures: list[Picture] = []
    for person in order:
        cut = cut_out(person, SIDE) if len(pictures) < PER_ROW else None
        if cut is not None:
            note = f"{labelled_joints(person):.0f}, {100 * occluded_share(person):.0f} %, {root_of_area(person):.0f} px"
            pictures.append(Picture(cut[0], f"image {person.image_id}: {note}", note=note, frame=frame))
    return pictures

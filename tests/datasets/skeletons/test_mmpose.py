"""The dataset_info of an mmpose config, which is read and never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.datasets.skeletons import read_skeleton
from heatmark.foundation.errors import InputError

# In the form of mmpose's own files, with the joints out of order as MPII has them there.
CONFIG = """
_base_ = ['other.py']
work_dir = print('never run')
dataset_info = dict(
    dataset_name='robot',
    paper_info=dict(author='Someone and ' 'Someone Else', year='2023', homepage=''),
    keypoint_info={
        0: dict(name='head', id=0, color=[51, 153, 255], type='upper', swap=''),
        2: dict(name='left_hand', id=2, color=[0, 255, 0], type='upper', swap='right_hand'),
        1: dict(name='right_hand', id=1, color=[0, 255, 0], type='', swap='left_hand'),
    },
    skeleton_info={
        0: dict(link=('head', 'right_hand'), id=0, color=[0, 255, 0]),
        1: dict(link=('head', 'left_hand'), id=1, color=[0, 255, 0]),
    },
    joint_weights=[1.] * 3,
    sigmas=[0.026, 0.062, 0.062])
"""


def test_a_config_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "robot.py").write_text(CONFIG)
    skeleton, notes = read_skeleton(tmp_path / "robot.py", "here")
    assert notes == () and skeleton.name == "robot"
    assert skeleton.joints == ("head", "right_hand", "left_hand")
    assert skeleton.swaps == ((2, 1),) and skeleton.bones == ((0, 1), (0, 2))
    assert skeleton.sigmas == (0.026, 0.062, 0.062) and skeleton.upper_body == (0, 2)
    assert capsys.readouterr().out == ""


def test_the_form_of_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "points.py"
    path.write_text(
        'dataset_info = {"keypoint_info": {"0": {"name": "kpt-0", "id": 0, "swap": "kpt-1"},'
        ' "1": {"name": "kpt-1", "swap": "kpt-0"}}, "skeleton_info": {}, "sigmas": []}'
    )
    skeleton, (note,) = read_skeleton(str(path), "here")
    assert skeleton.name == "points" and skeleton.swaps == ((0, 1),) and skeleton.sigmas == ()
    assert "names that do not say which joint is left (kpt-0 with kpt-1" in note


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'robot'", "open('touched', 'w').name", "is no plain value, and configs are not run"),
        ("'robot'", "__import__('os').getcwd()", "is no plain value"),
        ("'robot'", "f'{print(1)}'", "is no plain value"),
        ("[1.] * 3", "[1.] * 10**9", "is no plain value"),
        ("[1.] * 3", "[1.] * 1000000000", "is no plain value"),
        ("[1.] * 3", "[x for x in range(3)]", "is no plain value"),
        ("joint_weights=[1.] * 3", "**other", "is no plain value"),
        ("dataset_info", "info", "no dataset_info = dict(...)"),
        ("swap='right_hand'", "swap='head'", "right_hand is swapped with 'left_hand', and that with 'head'"),
        ("swap='right_hand'", "swap='left_hnd'", "swap of left_hand: no joint 'left_hnd'; did you mean 'left_hand'?"),
        ("swap='right_hand'", "swap=[1]", "a text is expected"),
        ("id=2", "id=1", "a number of its own is expected as id"),
        ("id=2", "id=7", "the ids are not 0 to 2"),
        ("name='head', ", "", "a joint without a name"),
        ("('head', 'left_hand')", "('head', 'foot')", "limbs: no joint 'foot'"),
        ("0.026, ", "", "2 sigmas of 3 joints"),
        ("sigmas=", "sigmas=(", "cannot be read as a config"),
    ],
)
def test_a_config_that_is_none_is_named(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("robot.py").write_text(CONFIG.replace(old, new))
    with pytest.raises(InputError, match=r"here: robot\.py: ") as caught:
        read_skeleton("robot.py", "here")
    assert message in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["robot.py"]

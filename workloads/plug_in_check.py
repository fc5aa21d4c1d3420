"""Does a method, a backbone or a format of somebody else's do what heatmark asks of one? For jobs, and for tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from heatmark.datasets.format import Format
from heatmark.datasets.formats import FORMATS
from heatmark.foundation.errors import InputError
from heatmark.foundation.plug_in_source import plug_in_of
from heatmark.foundation.plug_ins import blame, load
from heatmark.foundation.registry import Registry
from heatmark.models.backbones import FAMILIES, family_of, parse_backbone
from heatmark.models.maps import Maps
from heatmark.models.method import Method
from heatmark.models.methods import METHODS
from heatmark.workloads.spec import TrialSpec

Found = TypeVar("Found")
Item = TypeVar("Item")
PEOPLE, JOINTS = 2, 3
# What a method may have in the place of a part that sees its heatmaps alone.
OF_ALL_MAPS = {"decode": "read", "decode_flipped": "read_flipped", "confidence": "certainty", "losses": "terms"}


def own_method(file: Path, name: str, **fields: Any) -> Method:
    """A method of a plug-in, by its name in the grid. Raises InputError."""
    return _own(METHODS, file, name).model_validate(fields)


def own_backbone(file: Path, net: str) -> str:
    """The name of a net, once the plug-in that has its family is imported. Raises InputError."""
    load(plug_in_of(str(file), "plug-in"))
    if family_of(net) is None:
        raise InputError(f"{file}: registers no family of backbones that {net!r} is a name of")
    return net


def own_format(file: Path, name: str) -> Format:
    """A format of a plug-in. Raises InputError."""
    return _own(FORMATS, file, name)


def _own(registry: Registry[Item], file: Path, name: str) -> Item:
    load(plug_in_of(str(file), "plug-in"))
    if name not in registry:
        raise InputError(f"{file}: registers no {registry.kind} {name!r}")
    return registry[name]


def check_plug_ins(spec: TrialSpec) -> None:
    """Before a trial is trained. Raises InputError with the file, the line and what is expected there."""
    parts = {each.of for each in spec.plugins}
    if "method" in parts:
        width, height = spec.data.heatmap_size
        check_method(spec.method, (height, width))
    if "backbone" in parts:
        check_backbone(spec.backbone, spec.data.input_size)


def check_method(method: Method, size: tuple[int, int] = (64, 48)) -> None:
    """What it reads, describes and minimises has the right shape, is finite, and a gradient arrives at the heatmaps.

    size: rows and columns of a map. Raises InputError with the file, the line and what is expected there.
    """
    kind = type(method)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        given = _maps(method, size)
        reader = _asked(kind, "reader", lambda: method.reader(JOINTS, torch.Size(size)))
        maps = given if reader is None else _asked(kind, "reader", lambda: reader(given))
        joints_BK2 = torch.rand(PEOPLE, JOINTS, 2) * torch.tensor([size[1] - 1.0, size[0] - 1.0])
        labelled_BK = torch.ones(PEOPLE, JOINTS)
        mirrored, heatmap_BKHW = maps.mirrored_back(range(JOINTS)), maps.heatmap_BKHW
        for part, words, shape, ask in (
            ("decode", "joints_BK2, (x, y) in heatmap pixels", (PEOPLE, JOINTS, 2), lambda: method.read(maps)),
            ("decode_flipped", "joints_BK2", (PEOPLE, JOINTS, 2), lambda: method.read_flipped(maps, mirrored)),
            ("confidence", "one number a joint", (PEOPLE, JOINTS), lambda: method.certainty(maps)),
            ("density", "a weight a pixel", tuple(heatmap_BKHW.shape), lambda: method.density(heatmap_BKHW)),
        ):
            _shaped(kind, part, words, shape, ask)
        terms = _asked(kind, "losses", lambda: method.terms(maps, joints_BK2, labelled_BK, 0, method.learned()))
        _check_terms(kind, terms, given.heatmap_BKHW)
        counts = _asked(kind, "counts", lambda: method.counts(joints_BK2, labelled_BK, torch.Size(size), 0))
        unknown = sorted(set(counts) - set(terms))
        if unknown:
            raise _wrong(
                kind, "counts", f"names {', '.join(unknown)}, which `losses` does not; it has {', '.join(terms)}"
            )


def _maps(method: Method, size: tuple[int, int]) -> Maps:
    """As a network gives them before it has learned anything."""
    heatmap_BKHW = torch.randn(PEOPLE, JOINTS, *size).mul_(0.1).requires_grad_()
    latent = method.latent_maps
    latent_BLKHW = torch.randn(PEOPLE, latent, JOINTS, *size).requires_grad_() if latent else None
    return Maps(heatmap_BKHW, latent_BLKHW)


def _check_terms(kind: type, terms: Any, heatmap_BKHW: Tensor) -> None:
    if not isinstance(terms, Mapping) or not terms:
        raise _wrong(
            kind, "losses", f"returns {_described(terms)}; expected the terms by name, such as {{'l_re': ...}}"
        )
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.dim() != 0:
            raise _wrong(kind, "losses", f"{name} is {_described(term)}; expected a scalar: the mean over the joints")
        if not torch.isfinite(term):
            raise _wrong(kind, "losses", f"{name} is {term.item()}; expected a finite number")
    total = sum(terms.values(), torch.zeros(()))
    if total.requires_grad:
        total.backward()
    gradient = heatmap_BKHW.grad
    if gradient is None or not gradient.any():
        words = (
            "no gradient arrives at the heatmaps; make the terms of them by steps that have one (no argmax, no detach)"
        )
        raise _wrong(kind, "losses", words)
    if not gradient.isfinite().all():
        raise _wrong(kind, "losses", "its gradient is not finite everywhere (a norm or a root at 0?)")


def check_backbone(name: str, input_size: tuple[int, int]) -> None:
    """It gives heatmaps at a stride of 4. input_size: width and height. Raises InputError as `check_method` does."""
    kind = type(FAMILIES[str(family_of(name))])
    width, height = input_size
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model = _asked(kind, "parse", lambda: parse_backbone(name).build(JOINTS))
        if not isinstance(model, nn.Module):
            raise _wrong(kind, "parse", f"{name}: build(joints) gives {_described(model)}; expected a torch module")
        model.eval()
        expected = (1, JOINTS, height // 4, width // 4)
        words = f"heatmaps of {name} at a stride of 4, for an image of {height} x {width}"
        _shaped(kind, "parse", words, expected, lambda: model(torch.zeros(1, 3, height, width)))


def _shaped(kind: type, part: str, words: str, shape: tuple[int, ...], ask: Callable[[], Any]) -> None:
    found = _asked(kind, part, ask)
    if not isinstance(found, Tensor) or tuple(found.shape) != tuple(shape):
        expected = " x ".join(map(str, shape))
        raise _wrong(kind, part, f"gives {_described(found)}; expected a tensor of {expected}: {words}")
    if not found.isfinite().all():
        raise _wrong(kind, part, "gives numbers that are not finite")


def _asked(kind: type, part: str, ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except InputError:
        raise
    except NotImplementedError as error:
        if blame(error):
            raise _wrong(kind, part, f"{type(error).__name__}: {error}") from error
        raise _wrong(kind, part, "is missing; every method has one (heatmark new method)") from error
    except (Exception, SystemExit) as error:
        at = blame(error)
        raise _wrong(kind, part, f"{f'{at}: ' if at else ''}{type(error).__name__}: {error}") from error


def _described(found: object) -> str:
    if isinstance(found, Tensor):
        return f"a tensor of {' x '.join(map(str, found.shape)) or 'one number'}"
    return f"a {type(found).__name__}"


def _wrong(kind: type, part: str, words: str) -> InputError:
    """With the place where the class, or the part of it, is defined."""
    thing: Any = vars(kind).get(part, vars(kind).get(OF_ALL_MAPS.get(part, ""), kind))
    file = inspect.getsourcefile(kind)
    try:
        line = inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        line = 0
    return InputError(f"{file}:{line}: {kind.__name__}.{part} {words}")

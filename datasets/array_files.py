"""Arrays by name out of MATLAB and HDF5 files, with a message for every way in which one can be no good; and back."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.number_lists import LARGEST_NUMBER
from heatmark.datasets.people import FloatArray
from heatmark.foundation.errors import InputError

START_OF_HDF5 = b"\x89HDF\r\n\x1a\n"
# A MATLAB 7.3 file is HDF5 behind a block of this size, and its arrays are stored by columns.
MATLAB_BLOCK = 512


def matlab_file(arrays: Mapping[str, Any]) -> bytes:
    """The arrays as a .mat."""
    import scipy.io

    file: Any = io.BytesIO()  # which savemat takes, whatever its stubs say
    scipy.io.savemat(file, dict(arrays))
    return bytes(file.getvalue())


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """The named arrays of a .mat (any version) or .h5 file, told apart by content. Axes are as their writer saw them.

    A name that ends in "?" may be absent. Raises InputError where the file or a name is not there.
    """
    # Where no such file is read they are half of the time that a command takes to start.
    import h5py
    import scipy.io

    wanted = {name.removesuffix("?"): name.endswith("?") for name in names}
    try:
        with path.open("rb") as file:
            head = file.read(MATLAB_BLOCK + len(START_OF_HDF5))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    matlab_hdf5 = head[MATLAB_BLOCK:] == START_OF_HDF5
    try:
        if matlab_hdf5 or head.startswith(START_OF_HDF5):
            with h5py.File(path) as file:
                content = {name: file[name][()] for name in wanted if isinstance(file.get(name), h5py.Dataset)}
                known = list(file)
            if matlab_hdf5:
                content = {name: np.transpose(value) for name, value in content.items()}
        else:
            content = _numbers_and_text(scipy.io.loadmat(str(path)))
            known = list(content)
    # The reader raises a dozen kinds of error on broken bytes, none of them ours to tell apart.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: not a MATLAB or HDF5 file ({reason:.200}); it may be cut short, fetch it again"
        ) from error
    absent = [name for name, optional in wanted.items() if name not in content and not optional]
    if absent:
        raise InputError(
            f"{path}: there is no array '{absent[0]}'; it holds {', '.join(sorted(known)) or 'nothing'}; "
            f"give a file with {', '.join(name for name, optional in wanted.items() if not optional)}"
        )
    return content


def numbers(path: Path, content: Mapping[str, Any], name: str) -> FloatArray:
    """One array as float64. Raises InputError where it holds no numbers, or one that is infinite, huge or none."""
    values = np.asarray(content[name])
    if values.dtype.kind not in "fiub":
        raise InputError(f"{path}: '{name}' must hold numbers, found {values.dtype} {values.shape}")
    array: FloatArray = values.astype(np.float64)
    # NaN fails every comparison.
    wrong = ~(np.abs(array) <= LARGEST_NUMBER)
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise InputError(f"{path}: '{name}' must hold finite numbers, found {array[place]} at {list(place)}")
    return array


def _numbers_and_text(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if not name.startswith("__")}

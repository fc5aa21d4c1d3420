"""Read-outs as loops over maps in machine code: the kernels behind one_pass.py, which says when they are used.

Same suffixes, units and results as in decoding.py and decoding_refined.py. N maps one after the other; index_N is the
first place of each map's largest value, peak_N that value. numba compiles a kernel at its first call and keeps it in a
file for the next process, where there is a folder for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

LOG2_E = np.float32(1.4426950408889634)
# ln 2 in two parts: a whole number times the first is exact in fp32.
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# Beyond this beta h is read relative to the largest: sums of exp(60) fit in fp32, and n is nothing beside C.
LARGEST = np.float32(60.0)
SMALLEST = np.float32(-87.0)
# Of the Hessian, as in decoding_refined.py.
LEAST_DETERMINANT = 1e-10
# No flag that would let the compiler take a value for finite.
ROUNDING = {"reassoc", "contract", "nsz", "arcp"}


def compiled(function: Callable[..., Any]) -> Any:
    """The function in machine code; kept in a file where one can be written."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": ROUNDING}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder to keep it in
        return numba.njit(**options)(function)


def _nearest_ir(_context: Any, _value: Any) -> Any:
    """The nearest whole number, as a float; one instruction for many at a time."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rounding = builder.module.declare_intrinsic("llvm.nearbyint", [ir.FloatType()])
        return builder.call(rounding, arguments)

    return types.float32(types.float32), generate


def _power_of_two_ir(_context: Any, _exponent: Any) -> Any:
    """2 to a whole number, made of its bits. In 32 bits throughout: numba's own sums of int32 are of 64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        exponent = builder.add(builder.fptosi(arguments[0], word), word(127))
        return builder.bitcast(builder.shl(exponent, word(23)), ir.FloatType())

    return types.float32(types.float32), generate


_nearest: Any = intrinsic(_nearest_ir)
_power_of_two: Any = intrinsic(_power_of_two_ir)


@compiled
def _halves(z: Any) -> Any:
    """2^k and exp(r) - 1 with z = k ln 2 + r and r near 0, for z from SMALLEST to LARGEST."""
    whole = _nearest(z * LOG2_E)
    r = z - whole * LN2_HIGH - whole * LN2_LOW
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    return _power_of_two(whole), r + r * r * p


@compiled
def _moments(map_HW: Any, across_W: Any, beta: Any, shift: Any, background: Any, kept_HW: Any, keep: bool) -> Any:
    """Sum of the weights exp(beta h - shift) - background, and of weight times offset from the centre, x and y.

    across_W: each column's offset from the centre. keep: also write the weights into kept_HW.
    """
    height, width = map_HW.shape
    middle_y = (height - 1) / 2
    mass, x, y = 0.0, 0.0, 0.0
    nothing: Any = np.float32(0)
    for row in range(height):
        row_mass, row_x = nothing, nothing
        for column in range(width):
            z = max(beta * map_HW[row, column] - shift, SMALLEST)
            scale, fraction = _halves(z)
            # For z near 0 the scale is 1: nothing of exp(z) - 1 is lost.
            weight = scale * fraction + (scale - background)
            if keep:
                kept_HW[row, column] = weight
            row_mass += weight
            row_x += weight * across_W[column]
        mass += row_mass
        x += row_x
        y += row_mass * (row - middle_y)
    return mass, x, y


@compiled
def _offsets(count: int) -> Any:
    """How far each of so many pixels is from their middle."""
    offsets = np.empty(count, np.float32)
    for place in range(count):
        offsets[place] = place - (count - 1) / 2
    return offsets


@compiled
def slopes(map_NHW: Any, beta: Any, shift_N: Any, constant_N: Any, pull_N2: Any, slope_NHW: Any) -> None:
    """Into slope_NHW beta exp(beta h - shift) (pull . d - constant), d being a pixel's offset from the map's centre.

    It is what a joint's gradient makes of each pixel, with the constants that one_pass.py works out for each map.
    """
    height, width = map_NHW.shape[1:]
    across_W, down_H = _offsets(width), _offsets(height)
    for number in range(len(map_NHW)):
        shift, slope_x = np.float32(shift_N[number]), np.float32(pull_N2[number, 0])
        for row in range(height):
            rest = np.float32(pull_N2[number, 1] * down_H[row] - constant_N[number])
            for column in range(width):
                z = max(beta * map_NHW[number, row, column] - shift, SMALLEST)
                scale, fraction = _halves(z)
                weight = scale * fraction + scale
                slope_NHW[number, row, column] = beta * weight * (slope_x * across_W[column] + rest)


@compiled
def _at(map_HW: Any, index: Any) -> Any:
    return map_HW[index // map_HW.shape[1], index % map_HW.shape[1]]


@compiled
def _exact_moments(map_HW: Any, beta: Any, shift: Any) -> Any:
    """As `_moments`, in fp64 throughout and far slower."""
    height, width = map_HW.shape
    mass, x, y = 0.0, 0.0, 0.0
    for row in range(height):
        for column in range(width):
            z = np.float64(beta) * np.float64(map_HW[row, column])
            weight = np.expm1(z) if shift == 0 else np.exp(z - shift) - np.exp(-np.float64(shift))
            mass += weight
            x += weight * (column - (width - 1) / 2)
            y += weight * (row - (height - 1) / 2)
    return mass, x, y


@compiled
def exponentials(
    map_NHW: Any, index_N: Any, beta: Any, least: float, kept_NHW: Any, offset_N2: Any, mass_N: Any, unit_N: Any
) -> None:
    """Into offset_N2, mass_N and unit_N what decoding.Exponentials says, and the weights into kept_NHW, if it has room.

    least: the mass up to which pseudo-counts are added. Above it a joint far outside its map is a quotient of small
    differences: such a map is summed again, exactly.
    """
    height, width = map_NHW.shape[1:]
    keep = len(kept_NHW) == len(map_NHW)
    across_W = _offsets(map_NHW.shape[2])
    for number in range(len(map_NHW)):
        peak = max(beta * _at(map_NHW[number], index_N[number]), np.float32(0))
        shift, unit = np.float32(0), 1.0
        if not peak <= LARGEST:
            shift, unit = peak, np.exp(-np.float64(peak))
        kept_HW = kept_NHW[number] if keep else map_NHW[number]
        mass, x, y = _moments(map_NHW[number], across_W, beta, shift, np.float32(unit), kept_HW, keep)
        if mass > least * unit and (abs(x) > width * mass or abs(y) > height * mass):
            mass, x, y = _exact_moments(map_NHW[number], beta, shift)
        offset_N2[number, 0], offset_N2[number, 1] = x, y
        mass_N[number], unit_N[number] = mass, unit


@compiled
def divided(
    offset_N2: Any, mass_N: Any, unit_N: Any, eps: float, least_mass: float, height: int, width: int, joints_N2: Any
) -> None:
    """The rest of decoding.bias_compensated_argmax."""
    for number in range(len(mass_N)):
        mass, unit = mass_N[number], unit_N[number]
        total = mass + eps * unit
        if least_mass > 0:
            total += max(least_mass * unit - mass, 0.0)
        if total == 0:
            total = 1.0
        joints_N2[number, 0] = (width - 1) / 2 + offset_N2[number, 0] / total
        joints_N2[number, 1] = (height - 1) / 2 + offset_N2[number, 1] / total


@compiled
def soft(map_NHW: Any, index_N: Any, beta: Any, offset_N2: Any, mass_N: Any, joints_N2: Any) -> None:
    """Also into offset_N2 and mass_N the sums of exp(beta h - beta max h), as in `exponentials`."""
    height, width = map_NHW.shape[1:]
    across_W = _offsets(width)
    for number in range(len(map_NHW)):
        map_HW = map_NHW[number]
        shift = beta * _at(map_HW, index_N[number])
        mass, x, y = _moments(map_HW, across_W, beta, shift, np.float32(0), map_HW, False)
        offset_N2[number, 0], offset_N2[number, 1], mass_N[number] = x, y, mass
        joints_N2[number, 0] = (width - 1) / 2 + x / mass
        joints_N2[number, 1] = (height - 1) / 2 + y / mass


@compiled
def shifted(map_NHW: Any, index_N: Any, step: Any, joints_N2: Any) -> None:
    """The highest pixel of each map, moved by `step` pixels towards its higher neighbour on both axes, in joints_N2."""
    height, width = map_NHW.shape[1:]
    for number in range(len(map_NHW)):
        map_HW = map_NHW[number]
        row, column = index_N[number] // width, index_N[number] % width
        if not map_HW[row, column] > 0:
            row, column = 0, 0
        right = down = np.float32(0)
        if 1 < column < width - 1 and 1 < row < height - 1:
            right = np.sign(map_HW[row, column + 1] - map_HW[row, column - 1])
            down = np.sign(map_HW[row + 1, column] - map_HW[row - 1, column])
        joints_N2[number, 0] = column + step * right
        joints_N2[number, 1] = row + step * down


@compiled
def _blurred(map_HW: Any, taps: Any, row: int, first: int, last: int, line_W: Any) -> None:
    """Into line_W, from column first to last, one row of the map convolved with taps along both axes, zeros around."""
    height, width = map_HW.shape
    half = len(taps) // 2
    left, right = max(first - half, 0), min(last + half, width - 1)
    down_W = np.zeros(width)
    for other in range(max(row - half, 0), min(row + half, height - 1) + 1):
        tap = taps[other - row + half]
        for column in range(left, right + 1):
            down_W[column] += tap * map_HW[other, column]
    for column in range(first, last + 1):
        total = 0.0
        for other in range(max(column - half, 0), min(column + half, width - 1) + 1):
            total += taps[other - column + half] * down_W[other]
        line_W[column] = total


@compiled
def _highest_blurred(map_HW: Any, taps: Any) -> float:
    height, width = map_HW.shape
    line_W = np.empty(width)
    highest = -np.inf
    for row in range(height):
        _blurred(map_HW, taps, row, 0, width - 1, line_W)
        highest = max(highest, line_W.max())
    return highest


@compiled
def _newton(right: float, down: float, xx: float, xy: float, yy: float) -> tuple[float, float]:
    """-H^-1 g where H is that of a maximum, else nothing: as decoding_refined.newton_step."""
    determinant = xx * yy - xy * xy
    if determinant > LEAST_DETERMINANT and xx < 0:
        return (xy * down - yy * right) / determinant, (xy * right - xx * down) / determinant
    return 0.0, 0.0


@compiled
def refined(map_NHW: Any, index_N: Any, taps: Any, wide: bool, joints_N2: Any) -> None:
    """wide: DARK's derivatives over two pixels, else UDP's over one."""
    height, width = map_NHW.shape[1:]
    line_W = np.empty(width)
    value = np.empty((5, 5))
    reach = 2 if wide else 1
    least, most = (1e-10, np.inf) if wide else (1e-3, 50.0)
    for number in range(len(map_NHW)):
        map_HW = map_NHW[number]
        row, column = index_N[number] // width, index_N[number] % width
        peak = np.float64(map_HW[row, column])
        if not peak > 0:
            row, column = 0, 0
        joints_N2[number, 0], joints_N2[number, 1] = column, row
        if wide and not (1 < column < width - 2 and 1 < row < height - 2):
            continue
        low, high = np.inf, -np.inf
        for down in range(-reach, reach + 1):
            first, last = max(column - reach, 0), min(column + reach, width - 1)
            _blurred(map_HW, taps, min(max(row + down, 0), height - 1), first, last, line_W)
            for right in range(-reach, reach + 1):
                found = line_W[min(max(column + right, 0), width - 1)]
                value[2 + down, 2 + right] = found
                low, high = min(low, found), max(high, found)
        scale = 1.0
        # The scale back to the former peak only adds a constant to a logarithm, unless a value is cut off.
        if low < least or peak > most or not peak > 0:
            highest = _highest_blurred(map_HW, taps)
            if peak > 0 and highest > 0:
                scale = peak / (highest + 1e-12)
        for down in range(2 - reach, 3 + reach):
            for right in range(2 - reach, 3 + reach):
                value[down, right] = np.log(min(max(value[down, right] * scale, least), most))
        gx, gy = (value[2, 3] - value[2, 1]) / 2, (value[3, 2] - value[1, 2]) / 2
        middle = value[2, 2]
        if wide:
            xx = (value[2, 4] - 2 * middle + value[2, 0]) / 4
            yy = (value[4, 2] - 2 * middle + value[0, 2]) / 4
            xy = (value[3, 3] - value[1, 3] - value[3, 1] + value[1, 1]) / 4
        else:
            xx = value[2, 3] - 2 * middle + value[2, 1]
            yy = value[3, 2] - 2 * middle + value[1, 2]
            straight = value[2, 3] + value[2, 1] + value[3, 2] + value[1, 2]
            xy = (value[3, 3] + value[1, 1] + 2 * middle - straight) / 2
        x_step, y_step = _newton(gx, gy, xx, xy, yy)
        joints_N2[number, 0] += x_step
        joints_N2[number, 1] += y_step

"""DeepSpeed around a network: its config, its input, and its state as one consolidated dict."""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from heatmark.foundation.errors import InputError
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.spec import TrialSpec

# ImageNet's statistics in RGB order. SimpleBaseline feeds BGR with the same three numbers in the same places.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def network_input(
    image_BHW3: Tensor,
    device: torch.device,
    channels: Literal["rgb", "bgr"] = "rgb",
    mean: Sequence[float] = MEAN,
    deviation: Sequence[float] = STD,
) -> Tensor:
    """uint8 RGB images as normalised float images_B3HW; the layout in memory stays channels-last.

    channels: the order in which the network wants them, and that of mean and deviation.
    """
    image_BHW3 = image_BHW3.to(device, non_blocking=True).float().div_(255)
    if channels == "bgr":
        image_BHW3 = image_BHW3.flip(-1)
    mean_3, deviation_3 = image_BHW3.new_tensor(mean), image_BHW3.new_tensor(deviation)
    return image_BHW3.sub_(mean_3).div_(deviation_3).permute(0, 3, 1, 2)


def engine_config(spec: TrialSpec, world_size: int) -> dict[str, Any]:
    """What DeepSpeed is told. The optimizer is torch's own: DeepSpeed's Adam would be compiled first."""
    per_rank = max(1, spec.train.batch_size // world_size)
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": per_rank,
        "train_batch_size": per_rank * world_size,
        "zero_optimization": {"stage": spec.runtime.zero_stage},
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 10**9,
        # Without ZeRO the gradients are whole on every rank, and are clipped in update: DeepSpeed would ask all ranks.
        "gradient_clipping": spec.train.gradient_clipping if spec.runtime.zero_stage else 0.0,
    }
    if spec.train.precision == "bf16":
        config["torch_autocast"] = {"enabled": True, "dtype": "bfloat16"}
    return config


class Adam(torch.optim.Adam):
    """torch's own, whose methods import torch._dynamo to say that it is to leave them alone (torch/_compile.py and
    optim/optimizer.py): seconds of a rank's start. heatmark compiles the network at most, so here they say nothing.
    """

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)
    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


def build_engine(model: nn.Module, spec: TrialSpec, ranks: Ranks) -> Any:
    """A DeepSpeed engine with Adam (the recipes of SBL and HRNet: no weight decay)."""
    import deepspeed

    model.to(ranks.device)
    fused = ranks.device.type == "cuda"  # one kernel for all parameters; on a CPU torch's loop gives the known numbers
    optimizer = Adam(model.parameters(), lr=spec.train.lr, fused=fused)
    config = engine_config(spec, ranks.world_size)
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)
    if ranks.world_size == 1 and spec.runtime.zero_stage == 0:
        # Nobody to reduce with: DeepSpeed would copy all gradients into a bucket and back, to the same numbers.
        engine.enable_backward_allreduce = False
    if spec.runtime.channels_last and spec.runtime.zero_stage == 0:
        # Only now: the broadcast of parameters at the start refuses strides, and ZeRO 1 and 2 flatten them away.
        engine.module.to(memory_format=torch.channels_last)
    if spec.train.compile:
        require_compiler()
        engine.module.compile()  # in place, so that its weights keep their names
    return engine


def update(engine: Any, spec: TrialSpec, loss: Tensor) -> None:
    """Backward, and Adam's step."""
    engine.backward(loss)
    if spec.train.gradient_clipping and spec.runtime.zero_stage == 0:
        nn.utils.clip_grad_norm_(engine.module.parameters(), spec.train.gradient_clipping)
    engine.step()


def require_compiler() -> None:
    """Raises InputError where torch.compile has nothing to compile with: for a GPU too, its kernels have a C++ side."""
    wanted = (os.environ.get("CXX"), "g++", "clang++")
    if not any(name and shutil.which(name) for name in wanted):
        raise InputError(
            "train.compile: torch.compile needs a C++ compiler on the nodes, and there is none; install g++, name one "
            "in CXX, or leave train.compile out"
        )


MOMENTS = ("exp_avg", "exp_avg_sq")


def training_state(engine: Any, ranks: Ranks) -> dict[str, Any]:
    """Weights and Adam's moments by parameter name, whole, whatever the ZeRO stage. Every rank must call it.

    Within an epoch every rank has its own batch-norm statistics: all of them are kept.
    """
    own = {name: buffer.detach().cpu() for name, buffer in engine.module.named_buffers()}
    return {
        "buffers": ranks.gather(own),
        "model": {name: value.detach().cpu() for name, value in engine.module.state_dict().items()},
        "moments": {name: _moments(engine, parameter) for name, parameter in engine.module.named_parameters()},
        "adam_steps": _adam_steps(engine),
        "engine_steps": engine.global_steps,
    }


def load_training_state(engine: Any, state: dict[str, Any], ranks: Ranks) -> None:
    """The inverse of `training_state`, under any ZeRO stage and number of ranks."""
    engine.module.load_state_dict(state["model"])
    _set_buffers(engine.module, state["buffers"], ranks)
    engine.global_steps = state["engine_steps"]
    if engine.zero_optimization_stage() > 0:
        _create_partition_states(engine.optimizer, state["adam_steps"])
    for name, parameter in engine.module.named_parameters():
        _set_parameter(engine, parameter, state["moments"][name], state["adam_steps"])


def _set_buffers(module: nn.Module, per_rank: list[dict[str, Tensor]], ranks: Ranks) -> None:
    """Each rank its own statistics, or the mean of all where the number of ranks has changed."""
    for name, buffer in module.named_buffers():
        if len(per_rank) == ranks.world_size:
            buffer.copy_(per_rank[ranks.rank][name])
        elif buffer.is_floating_point():
            buffer.copy_(torch.stack([each[name] for each in per_rank]).mean(0))


def _create_partition_states(zero_optimizer: Any, steps: int) -> None:
    """Adam's state exists, linked to the parameters, only after a first step; a resumed trial needs it before."""
    for partition in zero_optimizer.single_partition_of_fp32_groups:
        empty = {key: torch.zeros_like(partition) for key in MOMENTS}
        step = _step_count(zero_optimizer.optimizer, partition, steps)
        zero_optimizer.optimizer.state[partition] = {"step": step, **empty}
    zero_optimizer._lazy_init_hp_params_optimizer_state()  # noqa: SLF001 (DeepSpeed does it in its first step)


def _step_count(optimizer: torch.optim.Optimizer, parameter: Tensor, steps: int) -> Tensor:
    """As Adam keeps it: beside the parameter where it is fused, else on the host."""
    return torch.tensor(float(steps), device=parameter.device if optimizer.defaults["fused"] else "cpu")


def _moments(engine: Any, parameter: nn.Parameter) -> dict[str, Tensor]:
    from deepspeed.utils import safe_get_full_optimizer_state

    if _adam_steps(engine) == 0:
        return {}
    if engine.zero_optimization_stage() == 0:
        return {key: engine.optimizer.state[parameter][key].detach().cpu() for key in MOMENTS}
    return {key: safe_get_full_optimizer_state(parameter, key).detach().cpu().clone() for key in MOMENTS}


def _adam_steps(engine: Any) -> int:
    optimizer = engine.optimizer if engine.zero_optimization_stage() == 0 else engine.optimizer.optimizer
    return max((int(state["step"]) for state in optimizer.state.values() if "step" in state), default=0)


def _set_parameter(engine: Any, parameter: nn.Parameter, moments: dict[str, Tensor], steps: int) -> None:
    """Give one parameter its moments; under ZeRO also its fp32 copy, which the optimizer works on."""
    from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

    if engine.zero_optimization_stage() == 0:
        if moments:
            own: dict[str, Tensor] = {key: torch.empty_like(parameter).copy_(moments[key]) for key in MOMENTS}
            engine.optimizer.state[parameter] = {"step": _step_count(engine.optimizer, parameter, steps), **own}
        return
    safe_set_full_fp32_param(parameter, parameter.detach().clone())
    for key, value in moments.items():
        safe_set_full_optimizer_state(parameter, value.to(parameter.device), key)

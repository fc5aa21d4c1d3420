"""One trial: epochs of training and evaluation, a checkpoint and a line of metrics for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

from torch import nn

from heatmark.datasets.loader import Batch
from heatmark.datasets.people import PoseDataset
from heatmark.foundation.clock import utc_now
from heatmark.foundation.errors import InputError
from heatmark.models.backbones import parse_backbone
from heatmark.models.maps import maps_per_joint
from heatmark.workloads import checkpoint
from heatmark.workloads.engine import build_engine, load_training_state, training_state
from heatmark.workloads.environment import machine, versions
from heatmark.workloads.evaluate import Evaluation, Kept, evaluate
from heatmark.workloads.further import Weights, measure_wanted
from heatmark.workloads.heartbeat import Heartbeat
from heatmark.workloads.heatmap_samples import sampled_people, shown
from heatmark.workloads.lease import Lease
from heatmark.workloads.machine_meter import MachineMeter
from heatmark.workloads.position import Position
from heatmark.workloads.pretrained import load_pretrained
from heatmark.workloads.process_group import Ranks, seed_everything
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.events import Saved
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.result import Result
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.step import PendingStep, take_step
from heatmark.workloads.views import load_split, loader_of, view_of

Log = Callable[[str], None]


class Interrupted(Exception):
    """A signal was agreed on by all ranks, and the state is saved."""


class DivergedError(RuntimeError):
    """The loss is not a finite number; nothing of that step or after it is saved."""


def build_model(spec: TrialSpec, joints: int) -> nn.Module:
    """The untrained network of a trial; its weights depend on the seed alone.

    What the method's loss learns is a part of it under the name `learned`, and the method's own layers behind the maps
    under `reader`; no backbone uses these.
    """
    seed_everything(spec.seed)
    model = parse_backbone(spec.backbone).build(joints * maps_per_joint(spec.method.latent_maps, spec.train.depth))
    learned = spec.method.learned()
    if learned is not None:
        model.add_module("learned", learned)
    width, height = spec.data.heatmap_size
    reader = spec.method.reader(joints, (height, width))
    if reader is not None:
        model.add_module("reader", reader)
    return model


class Trial:
    """The training of one spec in one process group."""

    def __init__(
        self,
        spec: TrialSpec,
        folder: RunFolder,
        ranks: Ranks,
        attempt: int,
        interrupted: Callable[[], bool],
        log: Log,
        lease: Lease | None = None,
    ) -> None:
        self.spec, self.folder, self.ranks, self.attempt = spec, folder, ranks, attempt
        self.interrupted, self.log, self.lease = interrupted, log, lease
        self.heartbeat: Heartbeat | None = None
        self.first_step = 0
        self.train_people, self.view = load_split(spec, "train"), view_of(spec, ranks)
        self.val_people = self.view.people
        for people in (self.train_people, self.val_people):
            for note in people.notes:
                log(f"{people.split}: {note}")
        model = build_model(spec, len(self.train_people.skeleton.joints))
        if spec.pretrained and not checkpoint.newest_first(folder):
            load_pretrained(model, spec, log)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self.engine = build_engine(model, spec, ranks)
        self.position = Position()
        self.last_record: EpochRecord | None = None
        self.unreadable: set[str] = set()
        self.stopping = False
        self.meter = MachineMeter()
        self.train_loader = loader_of(spec, self.train_people, ranks, training=True)

    def run(self) -> None:
        """Train to the last epoch and write the result. Raises Interrupted once the state is saved."""
        self._resume()
        self.first_step = self.position.step
        if self.heartbeat:
            self.heartbeat.progress(self.position.step)
            self.heartbeat.start()
        if self.last_record is None and self.position.step == 0 and self._untrained_wanted:
            self._measure_untrained()
        while self.position.epoch < self.spec.train.epochs:
            self._train_epoch()
            self._close_epoch()
        weights = Weights(self.engine.module, self.position.epoch, self.position.step)
        measure_wanted(weights, self.spec, self.folder, self.ranks, self.log, self._may_write, self._progress)
        if self.heartbeat:
            self.heartbeat.close()
        if self._may_write():
            if self.folder.result() is None:
                self._result().write(self.folder.result_file)
            self.folder.failure_file.unlink(missing_ok=True)
        self.ranks.barrier()

    @property
    def _untrained_wanted(self) -> bool:
        """Whether the weights that training begins with are measured."""
        return self.spec.train.measure_untrained or self.spec.train.epochs == 0

    def _measure_untrained(self) -> None:
        """The record of epoch 0, as people count, and its weights."""
        started = time.monotonic()
        evaluation = self._evaluate(-1)
        self.position.wall_s += time.monotonic() - started
        record = self.position.record(self.attempt, self.spec.train.lr, evaluation.metrics)
        record = record.model_copy(update={"epoch": -1})
        self._save(record)
        self._publish(record)

    @property
    def progressed(self) -> bool:
        """Whether this attempt took a step."""
        return self.position.step > self.first_step

    def _may_write(self) -> bool:
        """True on rank 0 alone. Raises LeaseLost once a later attempt writes the run folder."""
        if self.ranks.is_first and self.lease:
            self.lease.check()
        return self.ranks.is_first

    def _progress(self) -> None:
        if self.heartbeat:
            self.heartbeat.progress(self.position.step)

    def _resume(self) -> None:
        state, complaints = checkpoint.load(self.folder, self.spec.signature)
        for complaint in complaints:
            self.log(complaint)
        if state is None and self.folder.result() is not None:
            raise InputError(
                f"{self.folder.path}: trained, but no checkpoint is left to measure more of; remove "
                f"{self.folder.wanted_file.name} to leave it as it is, or {self.folder.result_file.name} to train again"
            )
        if state is None:
            return
        load_training_state(self.engine, state["training"], self.ranks)
        self.position = Position(**state["position"])
        saved = state["record"]
        self.last_record = None if saved is None else EpochRecord.of(saved, "the last epoch in the checkpoint")
        self._publish(self.last_record)
        self.log(f"resumed at epoch {self.position.epoch + 1}, batch {self.position.batch}, step {self.position.step}")

    def _train_epoch(self) -> None:
        position, started = self.position, time.monotonic()
        wall_before, epoch_before = position.wall_s, position.epoch_s
        self._set_learning_rate()
        self.engine.train()
        self.train_loader.set_epoch(position.epoch, position.batch)
        # To its end: what is saved or evaluated is of a step that is known to be sound.
        for pending in self._steps():
            self._count(pending)
            self._progress()
            elapsed = time.monotonic() - started
            position.wall_s, position.epoch_s = wall_before + elapsed, epoch_before + elapsed
        if self.stopping:
            self._save(self.last_record)
            raise Interrupted

    def _steps(self) -> Iterator[PendingStep]:
        """The steps of an epoch, each handed over when the next one is under way."""
        pending: PendingStep | None = None
        waiting_since = time.monotonic()
        for batch in self.train_loader:
            self.position.data_s += time.monotonic() - waiting_since
            self._note_unreadable(batch, self.train_people)
            stop = self.interrupted()
            taken = take_step(self.engine, self.spec, self.ranks, batch, self.position.epoch, stop=stop)
            if pending:
                yield pending
            pending = taken
            if self.stopping:
                break
            waiting_since = time.monotonic()
        if pending:
            yield pending

    def _count(self, pending: PendingStep) -> None:
        """Wait for a step. Raises DivergedError where its loss is not a finite number on any rank."""
        facts = pending.facts()
        if facts.diverged:
            raise DivergedError(
                f"the loss is {facts.terms['loss']} at epoch {self.position.epoch + 1}, "
                f"step {self.position.step + 1} ({facts.terms}); lower train.lr or look at the data of this batch"
            )
        self.position.count_step(facts.people, facts.terms)
        self.stopping = self.stopping or facts.stop

    def _set_learning_rate(self) -> None:
        train = self.spec.train
        passed = sum(self.position.epoch >= milestone for milestone in train.milestones or ())
        for group in self.engine.optimizer.param_groups:
            group["lr"] = train.lr * train.lr_gamma**passed

    def _close_epoch(self) -> None:
        """Evaluate, save, publish: in this order, so that no published epoch can be lost with its weights."""
        self.ranks.average_buffers(self.engine.module)
        train = self.spec.train
        due = (self.position.epoch + 1) % train.eval_every == 0 or self.position.epoch + 1 == train.epochs
        started = time.monotonic()
        evaluation = self._evaluate(self.position.epoch) if due else None
        self.position.wall_s += time.monotonic() - started
        lr = self.engine.optimizer.param_groups[0]["lr"]
        record = self.position.record(self.attempt, lr, evaluation.metrics if evaluation else None)
        self.position.end_epoch()
        self._save(record)
        self._publish(record)

    def _evaluate(self, epoch: int) -> Evaluation:
        """epoch: the one just trained, counted from 0; -1 before training."""
        epochs = self.spec.train.epochs
        evaluation = evaluate(
            self.engine.module,
            self.view,
            self.ranks,
            self.unreadable,
            self._progress,
            Kept(
                sampled_people(self.val_people) if shown(epoch, epochs) else frozenset(),
                every_reading=epoch + 1 == epochs,
            ),
        )
        if self._may_write():
            evaluation.write(self.folder, epoch)
        return evaluation

    def _save(self, record: EpochRecord | None) -> None:
        training = training_state(self.engine, self.ranks)
        if self._may_write():
            state = {
                "training": training,
                "position": asdict(self.position),
                "record": record.plain() if record else None,
            }
            keep = self.spec.runtime.keep_checkpoints
            checkpoint.save(self.folder, state, self.position.step, keep, self.spec.signature)
            self.folder.append_event(Saved(attempt=self.attempt, time=utc_now(), step=self.position.step))
        self._progress()
        self.last_record = record
        self.ranks.barrier()

    def _publish(self, record: EpochRecord | None) -> None:
        """Append an epoch unless it is there: a trial that fell back to an older checkpoint repeats epochs."""
        if record is None or not self._may_write():
            return
        if record.epoch not in {known.epoch for known in self.folder.epochs()}:
            self.meter.read(record.epoch).append(self.folder.machine_file)
            self.folder.append_epoch(record)
        val = record.val or {}
        shown = " ".join(f"{name} {value:.4g}" for name, value in val.items() if value is not None)
        loss = f"loss {record.train['loss']:.4g} " if record.train else ""
        self.log(f"epoch {record.epoch + 1}/{self.spec.train.epochs} {loss}{shown}")
        if short := val.get("short_mass"):
            self.log(f"warning: {short:.2%} of the maps have C <= n: only the guard keeps their joints finite")

    def _note_unreadable(self, batch: Batch, people: PoseDataset) -> None:
        for person in batch["person_B"][batch["unreadable_B"]].tolist():
            path = str(people.people[person].image_path)
            if path not in self.unreadable:
                self.unreadable.add(path)
                self.log(f"unreadable image, left out: {path}")

    def _result(self) -> Result:
        assert self.last_record is not None
        return Result(
            signature=self.spec.signature,
            epochs=self.position.epoch,
            final=self.last_record.val,
            wall_s=round(self.position.wall_s, 3),
            attempts=self.attempt + 1,
            world_size=self.ranks.world_size,
            parameters=self.parameters,
            unreadable_images=sorted(self.unreadable),
            notes=[*self.train_people.notes, *self.val_people.notes],
            finished=utc_now(),
            versions=versions(),
            machine=machine(),
        )

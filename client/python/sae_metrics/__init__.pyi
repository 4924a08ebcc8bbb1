"""The public face, with its types. tests/unit/python/test_stubs.py holds it against the code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal, NamedTuple, SupportsFloat, SupportsIndex, TypedDict, TypeVar, Union

from . import prisma as prisma, saelens as saelens

__version__: str
KNOWN_SCALARS: tuple[str, ...]

# Tensors on any device, numpy's arrays, anything with the buffer protocol, lists: there is no one type of them.
_Array = Any
# Also a tensor of one element, on any device. None: not given.
_Number = Union[float, SupportsFloat, SupportsIndex, None]
_Optimizer = Any  # has param_groups, as PyTorch's
_State = Literal["finished", "failed", "preempted", "stopped"]
_SelfRun = TypeVar("_SelfRun", bound="Run")
_SelfGroup = TypeVar("_SelfGroup", bound="RunGroup")

class Error(RuntimeError): ...

_Columns = Any  # a dict of numpy arrays by name, or with pandas a DataFrame

class Database:
    """Made by ``open``."""

    def runs(self, columns: Sequence[str] | None = None) -> _Columns: ...
    def steps(self, run: str, columns: Sequence[str] | None = None, all_attempts: bool = False) -> _Columns: ...
    def history(self, run: str, columns: Sequence[str] | None = None, all_attempts: bool = False) -> _Columns: ...
    def windows(self, run: str, columns: Sequence[str] | None = None, all_attempts: bool = False) -> _Columns: ...
    def deaths(self, run: str, columns: Sequence[str] | None = None, all_attempts: bool = False) -> _Columns: ...
    def feature_counts(self, run: str) -> _Columns: ...

def open(
    path: str | PathLike[str] | None = None, *, socket: str | PathLike[str] | None = None, pandas: bool = False
) -> Database: ...

class _StateDict(TypedDict):
    run: str
    step: int | None
    state: bytes | None

class Stats(NamedTuple):
    messages: int
    acked: int
    dropped: int
    refused: int
    outbox_bytes: int
    outbox_bytes_max: int
    outbox_frames: int
    bytes_sent: int
    connects: int
    connected: bool
    words: str
    seconds: float

class Run:
    """Made by ``init``."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str | None: ...
    @property
    def config(self) -> Any: ...
    @property
    def last_step(self) -> int | None: ...
    @property
    def resumed(self) -> bool: ...
    @property
    def attempt(self) -> int | None: ...
    @property
    def should_stop(self) -> bool: ...
    @property
    def stop_reason(self) -> str | None: ...
    @property
    def stats(self) -> Stats: ...
    def log_step(
        self, step: SupportsIndex, fired: _Array = ..., n_rows: SupportsIndex | None = ..., positive: _Array = ..., **scalars: _Number
    ) -> None: ...
    def log_activations(
        self,
        step: SupportsIndex,
        feature_acts: _Array,
        sae_in: _Array = ...,
        sae_out: _Array = ...,
        losses: Mapping[str, _Number] | None = ...,
        *,
        optimizer: _Optimizer = ...,
        lr: _Number = ...,
        l1_coefficient: _Number = ...,
        lp_norm: float | None = ...,
        target: _Array = ...,
        **scalars: _Number,
    ) -> None: ...
    def log_topk(
        self,
        step: SupportsIndex,
        indices: _Array,
        values: _Array = ...,
        sae_in: _Array = ...,
        sae_out: _Array = ...,
        losses: Mapping[str, _Number] | None = ...,
        *,
        optimizer: _Optimizer = ...,
        lr: _Number = ...,
        l1_coefficient: _Number = ...,
        target: _Array = ...,
        **scalars: _Number,
    ) -> None: ...
    def log(self, values_by_name: Mapping[str, Any], step: SupportsIndex | None = ...) -> None: ...
    def begin_attempt(self) -> None: ...
    def event(self, kind: str, text: str = ..., step: SupportsIndex | None = ...) -> None: ...
    def mark(self, step: SupportsIndex, text: str = ...) -> None: ...
    def skip(self, step: SupportsIndex) -> None: ...
    def update(
        self,
        name: str | None = ...,
        notes: str | None = ...,
        tags: Sequence[str] | None = ...,
        config: object = ...,
        summary: Mapping[str, Any] | None = ...,
    ) -> None: ...
    def state_dict(self, timeout: float = ...) -> _StateDict: ...
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...
    def flush(self, timeout: float = ...) -> bool: ...
    def finish(self, exit_code: SupportsIndex = ..., state: _State | None = ..., timeout: float = ..., words: str | None = ...) -> None: ...
    def __enter__(self: _SelfRun) -> _SelfRun: ...
    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, _traceback: TracebackType | None
    ) -> None: ...

class RunGroup:
    """Made by ``init_many``. What is one of _Array or _Number in `Run` may be one a run here, along a leading axis."""

    runs: list[Run]
    def __init__(self, runs: Iterable[Run]) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Run]: ...
    def __getitem__(self, position: int) -> Run: ...
    def log_step(self, step: SupportsIndex, fired: _Array = ..., n_rows: Any = ..., positive: _Array = ..., **scalars: Any) -> None: ...
    def log_activations(
        self,
        step: SupportsIndex,
        feature_acts: _Array,
        sae_in: _Array = ...,
        sae_out: _Array = ...,
        losses: Mapping[str, Any] | None = ...,
        **others: Any,
    ) -> None: ...
    def log_topk(
        self,
        step: SupportsIndex,
        indices: _Array,
        values: _Array = ...,
        sae_in: _Array = ...,
        sae_out: _Array = ...,
        losses: Mapping[str, Any] | None = ...,
        **others: Any,
    ) -> None: ...
    def log(self, values: Mapping[str, Any], step: SupportsIndex | None = ...) -> None: ...
    @property
    def should_stop(self) -> list[bool]: ...
    def flush(self, timeout: float = ...) -> bool: ...
    def finish(self, exit_code: SupportsIndex = ..., state: _State | None = ..., timeout: float = ...) -> None: ...
    def __enter__(self: _SelfGroup) -> _SelfGroup: ...
    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

def init(
    project: str | None = ...,
    name: str | None = ...,
    *,
    id: str | None = ...,
    group: str | None = ...,
    tags: Sequence[str] | None = ...,
    notes: str | None = ...,
    job_type: str | None = ...,
    entity: str | None = ...,
    config: object = ...,
    profile: str | None = ...,
    architecture: str | None = ...,
    key_suffix: str | None = ...,
    d_sae: int | None = ...,
    d_in: int | None = ...,
    wandb_log_frequency: int | None = ...,
    feature_sampling_window: int | None = ...,
    dead_feature_window: int | None = ...,
    train_batch_size: int | None = ...,
    context_size: int | None = ...,
    total_training_tokens: int | None = ...,
    total_training_steps: int | None = ...,
    num_images: int | None = ...,
    num_epochs: int | None = ...,
    tokens_per_image: int | None = ...,
    thresholds: Iterable[float] | None = ...,
    min_l0: float | None = ...,
    min_explained_variance: float | None = ...,
    l1_coefficient: float | None = ...,
    lp_norm: float | None = ...,
    scalars: Iterable[str] | None = ...,
    log_to_wandb: bool | None = ...,
    wandb_key: str | bool | None = ...,
    private: bool | None = ...,
    resume: Literal["allow", "never", "must"] | None = ...,
    rank: int | None = ...,
    world_size: int | None = ...,
    launch: str | None = ...,
    ranks: Literal["torch"] | None = ...,
    rank_grace: float | None = ...,
    outbox_bytes: int | None = ...,
    when_full: Literal["drop_newest", "drop_oldest"] | float = ...,
    socket: str | None = ...,
    source: str | None = ...,
) -> Run: ...
def init_many(
    names: Iterable[str], *, group: str | None = ..., each: Sequence[Mapping[str, Any]] | None = ..., **shared: Any
) -> RunGroup: ...

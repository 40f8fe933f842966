"""Which models are trained, and how long."""

from dataclasses import dataclass

from .model import Method

# The hybrid's correction: where it pays most for its bytes was found on the validation text (docs/low-bit-models.md).
RANKS = (("attn_v", 16), ("attn_output", 16))

MODELS = {
    "full": Method("full"),
    "ternary": Method("ternary"),
    "sherry": Method("sherry"),
    "hybrid": Method("ternary", ranks=RANKS),
    "nested": Method("nested", widths=(8, 4, 2)),
    # What the nested model is compared with; not published.
    "w8": Method("nested", widths=(8,)),
    "w4": Method("nested", widths=(4,)),
    "w2": Method("nested", widths=(2,)),
}
PUBLISHED = ("full", "ternary", "sherry", "hybrid", "nested")


@dataclass(frozen=True)
class Preset:
    steps: int
    batch: int
    length: int = 512
    rate: float = 3e-3
    # Times the rate: that of low-rank corrections.
    low: float = 1.0
    # Sherry's residual path is annealed over the steps, or left out: a short run ends before the weights have settled
    # without it (docs/low-bit-models.md).
    residual: bool = True


PRESETS = {
    # The committed models: one H100, minutes.
    "published": Preset(steps=6000, batch=32),
    # All eight on two CPU cores in less than two hours. Windows are as long as those that the loss is taken over, for
    # places never trained say nothing; a batch of two wants the lower rate.
    "cpu": Preset(steps=2400, batch=2, rate=1e-3, residual=False),
    # A few seconds: does it run?
    "smoke": Preset(steps=20, batch=2, length=128),
}

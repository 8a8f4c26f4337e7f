"""Trains the small ResNet on objects cut out of the embedded scenes.

    python training/train_classifier.py --out runs/resnet --epochs 12 --images 12000
    python training/train_classifier.py --out runs/resnet --resume      # goes on after the last whole epoch

In the folder: checkpoint.pt, log.csv, and at the end classifier.onnx (BatchNorm not folded), classifier.npz (weights).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from detector_data import as_images
from fitting import Schedule, Training, read_checkpoint, write_log
from torch import Tensor, nn

from detquant.architectures.export import export_onnx
from detquant.architectures.resnet import ResNet
from detquant.architectures.weights import save_weights
from detquant.data.scenes import CLASSES, crops

COLUMNS = ("epoch", "cross_entropy", "top1", "seconds")
SIDE = 32
LARGEST_SHIFT = 3  # pixels


class Crops(NamedTuple):
    """Images [n, 3, SIDE, SIDE], RGB, 0 to 1, and their classes [n]."""

    images: Tensor
    class_id: Tensor


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=12_000, help="training crops")
    parser.add_argument("--validation", type=int, default=2_000, help="validation crops")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint, if there is one")
    return parser.parse_args(arguments)


def loss(model: nn.Module, batch: Crops) -> Mapping[str, Tensor]:
    """Cross-entropy, as the log names it."""
    return {"cross_entropy": nn.functional.cross_entropy(model(batch.images), batch.class_id, label_smoothing=0.05)}


def gather(split: Any, count: int, seed: int) -> Crops:
    """Crops of a split, in memory."""
    images, class_id = zip(*crops(split, count, seed, size=SIDE), strict=True)
    return Crops(as_images(images), torch.tensor(class_id))


def batches(data: Crops, size: int, seed: int, epoch: int) -> Iterator[Crops]:
    """The batches of an epoch, each mirrored and moved as a whole; they depend on the seed and the epoch alone."""
    rng = np.random.default_rng([seed, epoch])
    order = torch.from_numpy(rng.permutation(len(data.class_id)))
    for start in range(0, len(order) - size + 1, size):
        chosen = order[start : start + size]
        images = nn.functional.pad(data.images[chosen], [LARGEST_SHIFT] * 4, mode="replicate")
        x, y = rng.integers(2 * LARGEST_SHIFT + 1, size=2).tolist()
        images = images[:, :, y : y + SIDE, x : x + SIDE]
        yield Crops(images.flip(3) if rng.random() < 0.5 else images, data.class_id[chosen])


def top1(model: nn.Module, data: Crops) -> float:
    """The share of crops whose class is found, per cent."""
    with torch.no_grad():
        found = torch.cat([model.eval()(images).argmax(1) for images in data.images.split(256)])
    return 100 * float((found == data.class_id).float().mean())


def train(options: argparse.Namespace) -> Training:
    """Trains as the options say and writes the files; prints a line for each epoch."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "checkpoint.pt"
    saved = read_checkpoint(path) if options.resume and path.exists() else None
    data = gather("train", options.images, options.seed)
    validation = gather("validation", options.validation, options.seed)
    steps = options.images // options.batch
    epochs = saved["epochs"] if saved else options.epochs
    training = Training(ResNet(classes=len(CLASSES)), loss, Schedule.over(epochs, steps, options.rate))
    if saved:
        training.load(saved)
    while training.epoch < epochs:
        row = training.run_epoch(batches(data, options.batch, options.seed, training.epoch))
        row["top1"] = round(top1(training.average, validation), 2)
        training.save(path)
        write_log(training.log, COLUMNS, options.out / "log.csv")
        print(f"of {epochs}: " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    write_files(training.average, options.out)
    return training


def write_files(model: nn.Module, folder: Path) -> None:
    """Writes the model to be shipped, as a graph and as weights."""
    names = {"task": "classify", "imgsz": str([SIDE, SIDE]), "names": str(dict(enumerate(CLASSES)))}
    (folder / "classifier.onnx").write_bytes(export_onnx(model, (1, 3, SIDE, SIDE), names))
    save_weights(model, folder / "classifier.npz")


if __name__ == "__main__":
    train(parse())

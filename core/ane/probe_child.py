"""In a process of its own: load one program with Core ML, compute it, time it, and ask where Core ML plans to run it.

Arguments: the .mlpackage, an .npz with its inputs, and the .npz to write its outputs to. Prints a line of JSON for each
thing that it knows, so that a process that is killed or hangs has said how far it came. Needs no MLX.
"""

import importlib
import json
import sys
import time

from core.packages.quiet import quiet

REPEATS = 10


@quiet("coremltools", "transformers")
def main(package: str, inputs: str, outputs: str) -> None:
    import numpy as np

    ct = importlib.import_module("coremltools")
    tell(coremltools=ct.__version__)
    device = importlib.import_module("coremltools.models.compute_device")
    try:
        devices = device.MLComputeDevice.get_all_compute_devices()
    except AttributeError:  # the native part is not there
        tell(refused="no_coreml")
        return
    engines = [d for d in devices if isinstance(d, device.MLNeuralEngineComputeDevice)]
    if not engines:
        tell(refused="no_ane", devices=[type(d).__name__ for d in devices])
        return
    tell(cores=engines[0].total_core_count, stage="compile")
    began = time.perf_counter()
    model = ct.models.MLModel(package, compute_units=ct.ComputeUnit.CPU_AND_NE)
    tell(compile_seconds=time.perf_counter() - began, stage="compute")
    with np.load(inputs) as file:
        feed = dict(file)
    np.savez(outputs, **model.predict(feed))
    tell(seconds=seconds(model, feed), stage="plan")
    tell(**plan(ct, model), stage="compute on the CPU")
    tell(cpu_seconds=seconds(ct.models.MLModel(package, compute_units=ct.ComputeUnit.CPU_ONLY), feed), stage="done")


def seconds(model: object, feed: object) -> float:
    """The time of one computation, the middle one of several."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        model.predict(feed)  # type: ignore[attr-defined]
        times.append(time.perf_counter() - began)
    return sorted(times)[REPEATS // 2]


def plan(ct: object, model: object) -> dict[str, object]:
    """What share of the estimated cost Core ML plans for the Neural Engine, and which operations elsewhere."""
    module = importlib.import_module("coremltools.models.compute_plan")
    device = importlib.import_module("coremltools.models.compute_device")
    found = module.MLComputePlan.load_from_path(
        model.get_compiled_model_path(),  # type: ignore[attr-defined]
        compute_units=ct.ComputeUnit.CPU_AND_NE,  # type: ignore[attr-defined]
    )
    on_engine = total = 0.0
    elsewhere: dict[str, int] = {}
    for operation in found.model_structure.program.functions["main"].block.operations:
        cost = found.get_estimated_cost_for_mlprogram_operation(operation)
        usage = found.get_compute_device_usage_for_mlprogram_operation(operation)
        if usage is None:  # a constant
            continue
        weight = cost.weight if cost else 0.0
        total += weight
        if isinstance(usage.preferred_compute_device, device.MLNeuralEngineComputeDevice):
            on_engine += weight
        else:
            elsewhere[operation.operator_name] = elsewhere.get(operation.operator_name, 0) + 1
    return {"planned_share": on_engine / total if total else 0.0, "elsewhere": elsewhere}


def tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

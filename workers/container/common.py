"""What every step has in common: its order, its result file, its failures.

A step is started as `python STEP.py ORDER`, ORDER being one JSON object. It writes the file that the order
names as `result`: {"ok": true, ...} or {"ok": false, "code", "words", "step"?, "evidence"?}. The exit status is 0 only
with "ok": true.
"""
import json
import os
import sys
import traceback

WORK = "/work"
FARM_PYTHON = "/opt/wheelfarm/venv/bin/python"


class StepFailure(Exception):
    """An expected end of a step. `words` fill the places of the farm's failure card of `code`."""

    def __init__(self, code, words=None, evidence=None):
        super().__init__(code)
        self.code = code
        self.words = words or {}
        self.evidence = evidence
        # Where one program does two steps: which of them failed.
        self.step = None


def write_json(path, value):
    """Writes through a second file, so that a reader never sees half of it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{path}.part"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, sort_keys=True)
    os.replace(beside, path)


def clip(text, characters=2000):
    """Evidence and words stay small: the end of a text says most."""
    text = str(text)
    return text if len(text) <= characters else "..." + text[-characters:]


def failed(failure):
    """The result of a failure, as the worker reads it."""
    result = {
        "ok": False,
        "code": failure.code,
        "words": {key: clip(value, 600) for key, value in failure.words.items()},
    }
    if failure.step:
        result["step"] = failure.step
    if failure.evidence:
        result["evidence"] = {**failure.evidence, "text": clip(failure.evidence["text"])}
    return result


def run_step(main):
    """Reads the order, calls main(order), writes what it returns or the failure that it raises.

    An error that nobody expected is written as FARM_CONTAINER_BROKE: these scripts are the farm's own.
    """
    os.umask(0o022)
    order = json.loads(sys.argv[1])
    for folder in ("tmp", "home", "result", "log"):
        os.makedirs(os.path.join(order.get("work", WORK), folder), exist_ok=True)
    try:
        result = {"ok": True, **main(order)}
    except StepFailure as failure:
        result = failed(failure)
        print(f"wheelfarm: {failure.code} {json.dumps(result['words'])}", flush=True)
    except OSError as error:
        traceback.print_exc()
        result = failed(StepFailure("FARM_CONTAINER_BROKE", {"why": f"{type(error).__name__}: {error}"}))
    except Exception as error:  # noqa: BLE001 (the border of the step)
        traceback.print_exc()
        result = failed(StepFailure("FARM_CONTAINER_BROKE", {"why": f"{type(error).__name__}: {error}"}))
    write_json(order["result"], result)
    return 0 if result["ok"] else 1


def target_description(order):
    """What the image knows of a target: {environment, expect, tags, markers}; None for the build machine itself."""
    if not order.get("target"):
        return None
    folder = order.get("targets", "/opt/wheelfarm/targets")
    path = os.path.join(folder, f"{order['target']}.json")
    if not os.path.exists(path):
        raise StepFailure("FARM_IMAGE_MISSING", {"image": f"with {order['target']}"})
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def normal_name(name):
    """PEP 503."""
    import re

    return re.sub(r"[-_.]+", "-", name).lower()

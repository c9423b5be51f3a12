"""dspy: a program with a demonstration, saved as JSON."""

import os
import sys
import tempfile

os.environ["DSPY_CACHEDIR"] = tempfile.mkdtemp()

import dspy


class Triage(dspy.Signature):
    """Name the queue of a mail."""

    mail: str = dspy.InputField(desc="as it came")
    queue: str = dspy.OutputField()


program = dspy.ChainOfThought(Triage)
program.predict.demos = [dspy.Example(mail="where is my parcel", queue="shipping").with_inputs("mail")]
program.save(sys.argv[1])

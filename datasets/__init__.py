"""What lies on disk and how it becomes tensors."""

from utils.compiled import keep_machine_code

keep_machine_code(*__path__)

"""python -m generators.fractaldb --help"""
from generators.command import process_command
from generators.fractals import FractalDB  # noqa: F401 (the name in datasets.yaml)

if __name__ == "__main__":
    process_command("fractaldb.FractalDB")

"""python -m generators.spectrum --help"""
from generators.command import process_command
from generators.statistical import Spectrum  # noqa: F401 (the name in datasets.yaml)

if __name__ == "__main__":
    process_command("spectrum.Spectrum")

"""python -m generators.statistical_model --help"""
from generators.command import process_command
from generators.statistical import StatisticalModel  # noqa: F401 (the name in datasets.yaml)

if __name__ == "__main__":
    process_command("statistical_model.StatisticalModel")

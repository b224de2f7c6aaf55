"""python -m generators.feature_vis --help"""

from generators.command import process_command

if __name__ == "__main__":
    process_command("feature_vis.FeatureVis")

"""Feature visualisations: `images` has the process, the other modules its parts."""

from generators.feature_vis.images import FeatureVis as FeatureVis

"""Fractals of random iterated function systems, and the search for their categories."""

from generators.fractals.fractaldb import FractalDB as FractalDB

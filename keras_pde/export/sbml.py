"""Reactions as SBML Level 3 Version 2, the exchange format of systems biology, by libSBML."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.export.mass_action import Reaction

LEVEL, VERSION = 3, 2
WELL = "well"  # the compartment, of size 1: amounts are concentrations


def sbml(
    species: Sequence[str],
    held: int,
    reactions: Sequence[Reaction],
    readout: tuple[np.ndarray, np.ndarray],
) -> str:
    """Reactions as an SBML document, checked by libSBML's own validator.

    Inputs are species of which nothing is consumed (boundary conditions), at 0: set their
    concentrations. Outputs are the parameters output_1, output_2, ..., which rules read off the
    state.

    Args:
        species: names, those of the inputs first.
        held: number of the inputs.
        reactions: between the species.
        readout: matrix (outputs, species) and offset, by which a state reads as the output.

    Raises:
        ImportError: without python-libsbml, with the line that installs it.
        ValueError: what the validator says.
    """
    if importlib.util.find_spec("libsbml") is None:
        raise ImportError("SBML needs python-libsbml: pip install 'keras-pde[sbml]'")
    import libsbml

    document = libsbml.SBMLDocument(LEVEL, VERSION)
    model = document.createModel()
    model.setId("keras_pde_network")
    compartment = model.createCompartment()
    compartment.setId(WELL)
    compartment.setConstant(True)
    compartment.setSize(1.0)
    compartment.setSpatialDimensions(3)
    for i, name in enumerate(species):
        one = model.createSpecies()
        one.setId(name)
        one.setCompartment(WELL)
        one.setInitialConcentration(0.0)
        one.setHasOnlySubstanceUnits(False)
        one.setBoundaryCondition(i < held)
        one.setConstant(False)
    for number, reaction in enumerate(reactions, start=1):
        _add(model, number, reaction)
    matrix, offset = readout
    for k, (row, start) in enumerate(zip(matrix, offset, strict=True), start=1):
        terms = [f"{c!r} * {species[i]}" for i, c in enumerate(row.tolist()) if c]
        parameter = model.createParameter()
        parameter.setId(f"output_{k}")
        parameter.setConstant(False)
        rule = model.createAssignmentRule()
        rule.setVariable(f"output_{k}")
        rule.setMath(libsbml.parseL3Formula(" + ".join([*terms, repr(float(start))])))
    document.checkInternalConsistency()
    errors = document.getNumErrors(libsbml.LIBSBML_SEV_ERROR)
    if errors:
        raise ValueError(f"libSBML refuses the reactions: {document.getError(0).getMessage()}")
    return str(libsbml.writeSBMLToString(document))


def _add(model: Any, number: int, reaction: Reaction) -> None:
    """A reaction whose speed is k times the product of its reactants."""
    import libsbml

    found = model.createReaction()
    found.setId(f"r{number}")
    found.setReversible(False)
    for names, create in (
        (reaction.reactants, found.createReactant),
        (reaction.products, found.createProduct),
    ):
        for name in dict.fromkeys(names):
            reference = create()
            reference.setSpecies(name)
            reference.setStoichiometry(float(names.count(name)))
            reference.setConstant(True)
    law = found.createKineticLaw()
    constant = law.createLocalParameter()
    constant.setId("k")
    constant.setValue(reaction.rate)
    law.setMath(libsbml.parseL3Formula(" * ".join([WELL, "k", *reaction.reactants])))

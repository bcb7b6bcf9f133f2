"""What the quick tier leaves to the full one.

`python -m pytest` runs the quick tier: every public class, every theorem and every preset once.
`python -m pytest -m full` runs the rest, `python -m pytest -m ""` everything. A test that stands
here keeps so many of its cases in the quick tier, the first ones; all others are in both.
"""

from __future__ import annotations

# "file::test": cases that the quick tier keeps
KEPT = {
    # all presets in all precisions, on all runtimes: the quick tier verifies each preset once
    "test_precision::test_a_preset_is_as_accurate_as_stated": 2,
    "test_presets::test_the_published_number_of_a_solver_is_recomputed": 1,
    "test_presets::test_the_published_number_is_recomputed_from_the_shipped_files": 1,
    "test_presets::test_a_preset_is_the_classical_filter": 8,
    "test_presets::test_a_solver_preset_solves_its_equation": 2,
    "test_presets::test_with_time_and_with_schedule_keep_the_filter": 0,
    "test_cards::test_a_card_is_what_its_task_writes": 4,
    # attacks by gradient ascent: the quick tier keeps one of each kind of network
    "test_attack::test_gradient_ascent_finds_no_violation": 1,
    "test_break::test_gradient_ascent_does_not_break_the_certificate": 3,
    "test_break::test_gradient_ascent_on_the_weights_and_the_input_does_not_break_norm_stability": (
        1
    ),
    "test_break::test_tied_fsi_never_grew_from_40_random_starts_over_20_cycles": 0,
    "test_implicit_break::test_gradient_ascent_does_not_break_the_certificate": 2,
    "test_coupled::test_implicit_steps_keep_their_theorems_under_attack": 1,
    "test_lifting::test_a_lifted_monotone_net_is_averaged_and_no_attack_breaks_it": 1,
    "test_certify::test_no_attack_exceeds_what_is_certified_about_a_keras_model": 3,
    "test_certify::test_the_norm_of_a_linear_layer_is_bounded_and_the_bound_is_close": 9,
    # multigrid on large grids
    "test_multigrid::test_solve_equals_a_sparse_direct_solver": 2,
    "test_multigrid::test_fas_equals_linear_multigrid_on_linear_operators": 2,
    "test_multigrid::test_full_multigrid_reaches_the_discretisation_error_in_one_pass": 1,
    "test_multigrid::test_a_2d_cycle_contracts_by_012_at_most_on_63_255_and_1023_points": 1,
    # processes that are killed and started again, clusters, browsers, wheels
    "test_collection::test_a_run_that_is_killed_is_taken_up_and_bad_images_are_named": 0,
    # files by the hundred
    "test_data::test_bsd_has_400_and_68_images_as_pillow_reads_them": 0,
}

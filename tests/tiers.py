"""What the quick tier leaves to the full one.

`python -m pytest` runs the quick tier: every public class, every theorem and every preset once.
`python -m pytest -m full` runs the rest, `python -m pytest -m ""` everything. A test that stands
here keeps so many of its cases in the quick tier, the first ones; all others are in both.
test_tiers.py checks that nothing is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# "file::test", less their common "test_": cases that the quick tier keeps
KEPT = {
    # all variants in all precisions: the quick tier takes every argument once
    "conformance::keras_layer_suite": 17,
    "conformance::every_weight_gets_a_gradient": 17,
    "conformance::a_stateless_call_computes_in_the_model_s_precision": 2,
    "conformance::any_spatial_rank": 19,
    "conformance::keras_layer_suite_with_training": 3,
    "conformance::compiled_with_dynamic_sizes_equals_eager": 4,
    "conformance::precisions_agree": 17,
    "conformance::saved_models_load_in_a_fresh_process": 0,
    "accelerators::a_model_and_its_gradient_lower_whole": 0,
    "accelerators::a_preset_lowers_whole": 1,
    # all presets in all precisions, on all runtimes: the quick tier verifies each preset once
    "precision::a_preset_is_as_accurate_as_stated": 1,
    "presets::the_published_number_of_a_solver_is_recomputed": 0,
    "presets::the_published_number_is_recomputed_from_the_shipped_files": 1,
    "presets::a_preset_is_the_classical_filter": 8,
    "presets::a_solver_preset_solves_its_equation": 1,
    "presets::with_time_and_with_schedule_keep_the_filter": 0,
    "presets::the_example_on_a_card_runs": 1,
    "hostile::a_hostile_preset_is_refused_in_one_line": 40,
    "hostile::a_hostile_preset_costs_little_time_and_memory": 0,
    "hostile::presets_may_have_keras_s_initializers": 2,
    "hostile::presets_of_every_precision_are_saved_and_read": 1,
    "cards::a_card_is_what_its_task_writes": 2,
    "training::the_number_on_the_card_is_that_of_the_index_and_of_the_weights": 0,
    "training::numbers_of_classical_filters_are_those_of_the_weights": 0,
    "training::classical_filters_are_measured_like_the_trained_ones": 0,
    # attacks by gradient ascent: the quick tier keeps one of each kind of network
    "attack::gradient_ascent_finds_no_violation": 0,
    "break::gradient_ascent_does_not_break_the_certificate": 2,
    "break::gradient_ascent_on_the_weights_and_the_input_does_not_break_norm_stability": 0,
    "break::tied_fsi_never_grew_from_40_random_starts_over_20_cycles": 0,
    "implicit_break::gradient_ascent_does_not_break_the_certificate": 1,
    "implicit_break::gradients_in_mixed_precision": 1,
    "implicit_break::every_solver_reaches_a_stationary_point_of_an_energy_that_is_not_convex": 1,
    "coupled::implicit_steps_keep_their_theorems_under_attack": 1,
    "lifting::a_lifted_monotone_net_is_averaged_and_no_attack_breaks_it": 1,
    "gated::s1_no_weights_and_no_input_break_norm_stability": 4,
    "input_gates::a_coupling_holds_for_every_weight_and_every_noise_level": 2,
    "input_gates::f7_constants_are_a_sum_and_for_gates_of_the_state_a_product": 4,
    "input_gates::i8_the_constant_of_an_equilibrium_with_gates_of_the_input": 1,
    "input_gates::a_network_is_saved_with_its_gates": 0,
    # weights that are no numbers, and extreme ones, in every kind of layer
    "extremes::of_weights_that_are_no_numbers_nothing_is_proved": 8,
    "extremes::weights_of_0_and_of_1e38_give_constants_or_reasons": 6,
    "extremes::every_contrast_that_is_accepted_computes_in_float32": 6,
    # what is estimated of noise, and what is made of it
    "noise::clipped_noise_is_estimated_as_if_it_were_not": 5,
    "noise::edges_everywhere_are_no_noise": 4,
    "noise::noise_before_a_jpeg_is_estimated": 3,
    "noise::a_sensor_is_estimated_from_one_image": 1,
    "noise::no_pair_of_values_breaks_the_constants_of_the_transforms": 2,
    "real_noise::a_jpeg_is_within_half_a_decibel_of_the_told_level": 1,
    "real_noise::a_told_level_makes_nothing_worse": 2,
    "real_noise::the_unit_of_floats_changes_nothing": 1,
    "real_noise::hidden_colours_touch_no_visible_pixel": 1,
    "real_noise::strong_noise_is_filtered_on_a_coarser_grid": 0,
    # operators in every dimension and at every boundary
    "operators::normalize_keeps_the_norm_at_most_one_for_all_weights": 3,
    "dense::a_block_with_a_matrix_keeps_what_it_certifies": 2,
    "models::features_are_the_states_of_the_scheme": 6,
    "activations::potential_is_the_integral_of_the_flux": 9,
    "rounding::what_exact_arithmetic_promises_is_broken_in_16_bits_and_what_is_certified_is_not": 1,
    "certify::no_attack_exceeds_what_is_certified_about_a_keras_model": 6,
    "evolution::norm_gain_is_never_below_that_of_random_operators": 8,
    "coupled::the_derivative_is_exact_symmetric_and_within_the_bounds": 1,
    "norms::every_method_is_an_upper_bound_of_the_dense_norm": 9,
    "convolution::gradients_are_those_of_the_plain_convolutions": 2,
    "tolerance::a_shipped_equilibrium_jumps_by_no_more_than_it_says": 0,
    # implicit steps: solvers, and networks that learn
    "implicit::a_sample_does_not_depend_on_its_batch": 1,
    "implicit::an_implicit_preset_is_its_filter": 1,
    "implicit::the_gradient_is_that_of_an_unrolled_reference_and_of_finite_differences": 1,
    "models::a_snapshot_keeps_its_weights": 5,
    # multigrid on large grids
    "multigrid::solve_equals_a_sparse_direct_solver": 1,
    "multigrid::fas_equals_linear_multigrid_on_linear_operators": 2,
    "multigrid::full_multigrid_reaches_the_discretisation_error_in_one_pass": 1,
    "multigrid::a_2d_cycle_contracts_by_012_at_most_on_63_255_and_1023_points": 1,
    "multigrid::a_cycle_is_the_textbook_s_to_rounding": 12,
    "multigrid::a_cycle_for_poisson_lowers_the_residual_as_stated": 1,
    "multigrid::the_solution_of_a_singular_problem_has_mean_0_in_float64": 1,
    "multigrid::solve_cycles_in_the_model_s_precision": 0,
    "multigrid::a_cycle_is_the_same_for_sizes_known_and_unknown": 0,
    "multigrid::solve_stops_where_rounding_does": 0,
    "multigrid::nonlinear_diffusion_by_fas_solves_its_equation": 1,
    "textbook::the_sixth_cycle_from_a_random_error_divides_the_residual_as_stated": 4,
    # foreign formats and the command, network by network
    "export::every_model_exports_by_keras_with_dynamic_sizes": 1,
    "export::both_exports_convert_with_the_outputs_guarded": 0,
    "cli::denoise_reports_on_every_kind_of_network": 0,
    # what compiles many programs, each of which TensorFlow keeps
    "rounding::no_attack_exceeds_the_norm_gain_in_16_bits": 2,
    "rounding::one_step_errs_by_no_more_than_is_said": 4,
    "multigrid::a_learned_net_starts_as_the_cycle_itself": 1,
    "multigrid::a_learned_net_learns_and_classifies": 0,
    "network::a_network_answers_what_is_asked_of_it": 2,
    "inpaint::hard_masks_converge": 0,
    "inpaint::tiny_images": 1,
    "inpaint::the_solution_is_scipy_s": 1,
    "inpaint::samples": 0,
    "inpaint::what_is_out_of_reach_is_a_warning": 0,
    "inpaint::colours_are_solved_side_by_side": 0,
    "restore::r1_changes_never_rise_and_fall_as_fast_as_proved": 1,
    "restore::r2_both_methods_reach_one_fixed_point_whatever_the_step": 0,
    "restore::it_restores_better_than_the_first_guess": 0,
    "restore::the_best_averaged_preset_is_chosen": 0,
    "restore::where_the_theorem_does_not_apply_there_is_a_warning": 1,
    "restore::functions_are_proved_about_where_the_norm_is_stated_or_not_needed": 0,
    "restore::type_and_channels_are_kept": 1,
    "restore::the_command_restores_and_says_what_is_proved": 0,
    "stepping::steps_in_one_program_are_the_steps_one_by_one": 0,
    "multigrid::inpainting_equals_a_sparse_direct_solver": 0,
    "multigrid::solver_and_learned_net_export_for_every_size": 0,
    "multigrid::a_trained_net_is_the_same_for_sizes_known_and_unknown": 1,
    "features::a_head_on_features_trains_saves_and_loads_the_network": 0,
    "recipes::what_would_fail_behind_the_last_step_is_refused_before_the_first": 10,
    "denoise::shape_and_type_are_kept": 2,
    "denoise::data_that_occupy_a_part_of_the_range_are_not_made_worse": 2,
    "training::two_runs_with_one_seed_end_with_the_same_weights_and_another_seed_does_not": 0,
    "training::a_network_without_a_bound_starts_as_the_one_with_it": 0,
    "training::a_quick_recipe_end_to_end": 0,
    "training::a_run_killed_while_it_writes_a_checkpoint_resumes_to_the_same_weights": 0,
    "export::the_requests_of_the_documentation_are_answered_by_the_saved_model_alone": 0,
    "export::foreign_runtimes_without_keras_pde_compute_the_same": 0,
    "export::rows_of_a_timed_filter_carry_their_own_time": 0,
    "export::a_network_of_one_s_own_has_a_dial_too": 0,
    "export::saved_model_cli_runs_the_named_signature": 0,
    "export::the_stopping_time_as_an_input_changes_the_filter": 1,
    "tiles::implicit_models_are_whole_up_to_a_limit_and_near_the_whole_beyond": 0,
    "convolution::a_compiled_network_is_the_network": 1,
    "implicit::the_equilibrium_denoiser_learns_and_keeps_its_certificate": 0,
    "collection::a_flexible_program_computes_what_the_compiled_one_does": 1,
    # every entrance refuses what is wrong; that empty batches and shared parts are right, a few
    "wrong_use::an_empty_batch_has_an_empty_result": 4,
    "wrong_use::a_level_that_is_none_has_no_finite_result_in_a_graph": 0,
    "sharing::what_is_shared_is_saved_loaded_and_cloned_shared": 2,
    "bounded::memory_does_not_grow_with_sizes_and_levels": 0,
    "inpaint::the_default_tolerance_is_below_one_grey_level": 0,
    "inpaint::colour_with_alpha": 0,
    "implicit_break::compiled_gradients_are_the_eager_ones": 0,
    "features::a_network_and_its_features_in_one_model_stay_one_network": 0,
    "gated::a_climber_does_not_break_the_constants_of_a_network": 0,
    "multigrid::a_net_built_inside_a_graph_starts_as_the_cycle_too": 0,
    "multigrid::a_sample_does_not_depend_on_its_batch": 0,
    "multigrid::features_of_every_level": 0,
    "multigrid::acceleration_guess_and_max_cycles_act": 0,
    "presets::a_compiled_run_computes_with_the_weights_at_hand": 0,
    "export::metadata_state_the_certificate_and_the_units": 0,
    "denoise::it_denoises_whatever_the_noise_without_being_told": 0,
    "coupled::gradients_of_an_implicit_step_are_those_of_differences": 0,
    "features::symbolic_features_are_the_eager_ones_with_the_network_s_weights": 1,
    # large pictures
    "tiles::receptive_radius_is_where_the_output_stops_changing": 2,
    "tiles::tiled_is_the_whole_to_rounding": 1,
    "tiles::noise_conditioned_model_in_tiles": 0,
    # examples in docstrings, module by module, and in notebooks
    "docs::docstring_examples_run": 20,
    "docs::readme_python_runs": 0,
    "docs::readme_numbers_are_the_zoo_s": 0,
    "tutorials::a_tutorial_runs_and_shows_what_is_stored": 0,
    # processes that are killed and started again, clusters, browsers, wheels, other backends
    "collection::a_run_that_is_killed_is_taken_up_and_bad_images_are_named": 0,
    "collection::an_image_that_kills_its_workers_is_given_up": 0,
    "collection::a_worker_keeps_depth_colour_and_alpha_and_estimates_each_level": 0,
    "collection::rows_of_parquet_and_tfrecord_files": 0,
    "collection::one_program_serves_all_the_rare_sizes": 0,
    "distributed::two_processes_one_of_them_killed_end_with_the_weights_of_one_process": 0,
    "distributed::processes_with_different_recipes_do_not_train_together": 0,
    "training::a_run_that_is_killed_resumes_to_the_weights_of_one_that_is_not": 0,
    "signals::a_training_that_is_stopped_at_any_moment_says_how_to_go_on": 0,
    "training::the_command_trains_and_says_which_stage_it_is_in": 0,
    "training::a_stage_starts_from_the_weights_of_the_stage_before": 0,
    "training::a_larger_network_starts_from_the_weights_of_a_preset": 0,
    "training::patience_stops_a_run_that_gains_nothing_and_the_card_says_so": 0,
    "devices::mirrored_training_on_two_devices_is_that_on_one": 0,
    "backends::saved_here_loads_there": 0,
    "backends::saved_there_loads_here": 0,
    "data::on_jax_the_batches_are_the_same_and_need_no_tensorflow": 0,
    "start::the_command_registers_what_the_package_registers": 0,
    "fuzz::no_file_ends_in_a_crash_a_hang_or_another_file": 0,
    "package::wheel_and_sdist_hold_the_zoo": 0,
    "package::installed_outside_the_checkout": 0,
    "package::editable_install_finds_the_zoo": 0,
    "package::a_bare_checkout_finds_the_zoo": 0,
    # the page in a browser
    "demo::the_page_computes_what_python_computes": 0,
    "demo::a_picture_without_noise_added_is_read_as_it_is": 0,
    "demo::the_stopping_time_changes_the_filter_and_the_certificate_with_it": 0,
    "demo::metadata_are_read_and_every_reason_and_assumption_is_said_in_plain_words": 0,
    "demo::tiles_cover_the_picture_and_begin_where_patches_do": 0,
    "demo::the_certificate_shown_is_the_network_s": 0,
    "demo::noise_is_measured_as_in_python": 0,
    "demo::a_large_picture_in_tiles_is_that_as_a_whole_and_can_be_stopped": 0,
    "demo::mistakes_are_explained": 0,
    "demo::a_picture_can_be_dropped_and_pasted": 0,
    "demo::a_missing_network_or_runtime_is_explained": 0,
    "demo::the_keyboard_is_enough": 0,
    "demo::it_fits_small_and_large_windows_light_and_dark": 0,
    "demo::other_presets_run_in_the_browser_too": 0,
    # files by the hundred, large ones, benchmarks
    "strangers::a_valid_file_of_196_megapixels_is_read": 0,
    "data::bsd_has_400_and_68_images_as_pillow_reads_them": 0,
    "benchmarks::loops_agree_with_unrolled_steps": 0,
    "benchmarks::schemes_reach_their_time_and_draw": 0,
    "benchmarks::multigrid_and_its_peers_reach_the_tolerance": 0,
    "benchmarks::implicit_solvers_converge": 0,
    "benchmarks::translation_trains_resumes_and_draws": 0,
    "benchmarks::pictures_that_people_have_are_denoised_as_the_table_says": 0,
    "benchmarks::denoisers_are_timed_beside_dncnn": 0,
    "benchmarks::attacks_stay_below_what_is_certified": 0,
    "benchmarks::everywhere_measures_each_cell_or_says_why_not": 0,
    "benchmarks::device_runs_from_a_bare_checkout_without_tensorflow": 0,
    "benchmarks::overhead_prints_its_tables": 0,
    "benchmarks::memory_prints_its_growth_and_draws": 0,
    "benchmarks::convolution_prints_what_rows_gain": 0,
}


def key(name: str) -> str:
    """The key of "folder/test_file.py::test_name[case]" here: "file::name"."""
    file, _, test = name.partition("::")
    stem = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    return f"{stem}::{test.partition('[')[0].removeprefix('test_')}"


def by_tier(names: Iterable[str]) -> dict[str, bool]:
    """Each test, in the order of the file, and whether the quick tier keeps it."""
    met: Counter[str] = Counter()
    found = {}
    for name in names:
        met[key(name)] += 1
        found[name] = met[key(name)] <= KEPT.get(key(name), met[key(name)])
    return found

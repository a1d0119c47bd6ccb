"""Tests that take too long for every change: `.ci/full` runs them, as it runs those marked full."""

LONG = {
    # Pages and notebooks.
    "test_docs::test_examples[sensitivity.md]": "the examples of README.md",
    "test_docs::test_examples[baselines.md]": "the examples of README.md",
    "test_docs::test_examples[idea.md]": "the examples of README.md",
    "test_docs::test_examples[film.md]": "the examples of README.md",
    "test_docs::test_examples[curvature.md]": "the examples of README.md",
    "test_docs::test_examples[landscape.md]": "the examples of README.md",
    "test_docs::test_examples[sweep.md]": "the examples of README.md",
    "test_docs::test_examples[meanfield.md]": "test_meanfield",
    "test_docs::test_examples[tutorial.md]": "the examples of README.md",
    "test_docs::test_examples[inputs.md]": "test_inputs_data",
    "test_docs::test_notebooks[inputs]": "test_inputs_data",
    "test_docs::test_notebooks[quickstart]": "the notebook of the parametrization",
    "test_docs::test_notebooks[infinite_width]": "the notebook of the parametrization",
    "test_docs::test_notebooks[regimes]": "the notebook of the parametrization",
    "test_docs::test_notebooks[loss_surface]": "the notebook of the parametrization",
    "test_docs::test_notebooks[hessian]": "the notebook of the parametrization",
    "test_docs::test_notebooks[gradient_flow]": "the notebook of the parametrization",
    # Commands.
    "test_cli::test_built_in_data_and_one_neuron": "test_float32_and_device has built-in data",
    "test_cli::test_converged_networks_go_on_to_the_end": "test_flow_writes_everything",
    "test_cli::test_float32_standardizes_in_full_precision": "test_float32_and_device",
    "test_cli::test_compiled_programs_are_kept_for_the_next_command[False]": "where it may write",
    "test_progress::test_a_flow_and_a_film_say_what_they_do": "test_a_fit_says_each_method",
    "test_cli_law::test_law_compares_counts_with_the_exact_law[he]": "the uniform law",
    "test_cli::test_compiled_programs_are_kept_for_the_next_command[True]": "test_programs",
    "test_cli_law::test_the_shipped_study": "test_sweep_goes_on_and_refuses",
    "test_cli_meanfield::test_a_picture_that_fails_loses_nothing[gaussian]": "the balanced law",
    "test_explore::test_padding_changes_nothing": "test_a_padded_problem_is_the_same",
    # Verdicts.
    "test_claims::test_planted_faults_turn_the_verdict[lit-maennel-0]": "planted faults of the paper's claims",
    "test_claims::test_planted_faults_turn_the_verdict[lit-alignment-0]": "planted faults of the paper's claims",
    "test_claims::test_planted_faults_turn_the_verdict[lit-holzmueller-0]": "planted faults of the paper's claims",
    "test_claims::test_verdicts[lit-orthogonal]": "lit-appella, lit-mulayoff",
    "test_claims::test_verdicts[text-extrema]": "text-signs",
    "test_claims::test_the_page_in_a_browser": "test_page::test_filters_and_links",
    "test_claims::test_planted_faults_turn_the_verdict[lit-mei-0]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-chaos-0]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[text-density-0]": "planted faults of lit-chizat",
    "test_claims::test_verdicts[text-density]": "lit-chizat",
    "test_claims::test_planted_faults_turn_the_verdict[lit-maennel-1]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-alignment-1]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-holzmueller-1]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-williams-0]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-mulayoff-0]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-mulayoff-1]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-orthogonal-0]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[fig3-0]": "planted faults of fig5",
    "test_claims::test_planted_faults_turn_the_verdict[fig3-1]": "planted faults of fig5",
    "test_claims::test_planted_faults_turn_the_verdict[lit-williams-1]": "planted faults of lit-jin",
    "test_claims::test_planted_faults_turn_the_verdict[lit-williams-2]": "planted faults of lit-jin",
    **{
        f"test_claims::test_figures_are_drawn_from_what_was_found[{name}]": "figures of lit-jin, lit-mulayoff"
        for name in ("lit-maennel", "lit-holzmueller", "lit-alignment")  # whose verdicts take a minute each
    },
    "test_claims::test_verdicts[text-underfit]": "text-signs",
    "test_claims::test_verdicts[fig9]": "fig3, fig5",
    "test_claims::test_verdicts[cor4]": "cor2, cor3",
    "test_claims::test_verdicts[lit-mulayoff]": "lit-jin",
    # The flow.
    "test_exact::test_the_parameter_side_and_the_data_side_agree": "test_the_structured_solve_is_the_dense_one",
    "test_exact::test_two_orthogonal_points_go_from_saddle_to_saddle": "test_three_points_stall_on_the_...",
    "test_exact::test_its_error_follows_the_tolerance[0.1]": "the other scales",
    "test_dynamics::test_charts_agree_across_crossings": "test_charts_agree_inside_one_cell",
    "test_far::test_flows_at_rest_are_critical_and_stay_where_they_are[0.0001-32]": "test_rest_is_judged_alike_...",
    **{
        f"test_sensitivity::test_forward_is_the_limit_of_differences_and_reverse_its_transpose[{seed}]": "seeds 0 to 6"
        for seed in range(7, 23)
    },
    "test_sensitivity::test_diffrax_agrees_where_nothing_is_met": "test_forward_is_the_limit_of_differences_...",
    "test_sensitivity::test_float32_holds_what_it_can": "test_exact",
    "test_wide::test_strong_neurons": "test_it_agrees_with_event_by_event",
    "test_exact::test_three_points_are_interpolated_from_scale_one_on": "test_three_points_stall_on_the_...",
    "test_exact::test_it_agrees_with_the_general_solver": "test_dynamics::test_charts_agree_inside_one_cell",
    "test_dynamics::test_derivatives_through_the_flow": "test_sensitivity",
    "test_dynamics::test_any_solver_and_controller[solver2-controller2-None]": "two other solvers",
    "test_dynamics::test_orientation_flips_outside_the_spline_chart": "test_exact",
    "test_descent::test_the_exact_flow_nears_the_linear_one_as_the_scale_grows": "kernel.lazy_distance",
    "test_descent::test_deep_nets_from_shallow_ones": "test_deep_pieces_are_those_of_exact_evaluation",
    "test_descent::test_gradient_descent_nears_the_flow_at_rate_eta": "test_exact",
    "test_frozen::test_arrays[flow_options]": "flow",
    "test_frozen::test_arrays[sensitivity]": "flow",
    # Curvature and landscape.
    "test_curvature::test_census_of_a_thousand_lonely_critical_points": "test_census_at_other_points",
    "test_curvature::test_census_at_the_end_of_exact_flows": "test_census_at_other_points",
    "test_curvature::test_random_nets[300-2-net-float64]": "other shapes",
    "test_curvature::test_spectrum_through_the_smaller_side[40]": "9 data",
    # Laws.
    **{
        f"test_init::{test}[{law}]": "the laws of other biases, uniform and balanced"
        for test in ("test_a_million_samples_follow_the_laws", "test_marginals_and_conditionals_follow_from_the_joint")
        for law in ("gaussian", "he", "glorot", "uniform breakpoints")
    },
    # Shapes and types.
    **{
        f"test_objective::test_random_nets[{dtype}-{size}]": "other shapes"
        for dtype, size in (
            ("float32", "1000-700"),
            ("float32", "2049-1"),
            ("float32", "3-200"),
            ("float32", "1-1"),
            ("float64", "2049-1"),
            ("float64", "30-20"),
        )
    },
    "test_pwl::test_information_criterion_finds_the_pieces": "test_cli_fit::test_fit_chooses_the_pieces",
    # Kills.
    "test_store::test_kills_change_no_bit[one]": "test_cli::test_kill_in_the_middle_of_a_write",
    "test_store::test_two_processes_do_the_work_of_one": "test_ensemble::test_run_labels_what_a_loop_would_give",
    # Batches and devices.
    "test_ensemble::test_flow_is_the_flow_of_each_on_any_number_of_devices": "test_run_labels_what_a_loop_would_give",
    "test_ensemble::test_condensed_nets_meet_the_same_datum_at_the_same_time": "test_condense_in_degenerate_cases",
    "test_package::test_four_devices_give_what_one_gives": "test_collect_is_the_sum_on_any_number_of_devices",
    # Some of each kind, by their time.
    "test_cli_meanfield::test_meanfield_writes_everything": "test_a_picture_that_fails_loses_nothing[balanced]",
    "test_meanfield::test_the_losses_of_two_problems": "test_the_end_is_kept, test_atoms_and_masses",
    "test_sensitivity::test_jax_differentiates_the_flow_itself": "the limit of differences",
    "test_sensitivity::test_forward_is_the_limit_of_differences_and_reverse_its_transpose[0]": "other nets",
    "test_cli_hessian::test_a_picture_that_fails_loses_nothing": "that of the film of infinite width",
    "test_wide::test_a_batch_is_its_lanes": "test_it_agrees_with_event_by_event",
    "test_wide::test_clusters_stay_together": "test_it_agrees_with_event_by_event",
    "test_wide::test_times_within_a_step_full_of_events": "test_exact::test_output_times_do_not_change_the_steps",
    "test_far::test_nets_on_the_way_slide_exactly_on_their_data": "test_the_end_net_sees_what_the_flow_sees",
    "test_far::test_fits_are_as_accurate_wherever_the_data_lie[0.0-1.0]": "other places",
    "test_claims::test_verdicts[text-migration]": "lit-chizat",
    "test_meanfield::test_one_datum_and_ties[data0]": "data1",
    "test_sensitivity::test_reverse_is_the_transpose_of_forward[3-1-False-10]": "16-24-True-3",
    "test_film::test_a_picture_that_fails_loses_nothing": "that of the film of infinite width",
    "test_explore::test_days_are_shown_as_dates": "test_plot, test_cli_fit",
    "test_breakplane_laws::test_variance_gamma_against_scipy[21]": "101",
    "test_breakplane_laws::test_float32_is_float64_to_its_rounding[gaussian-5]": "gaussian-2",
    "test_breakplane_laws::test_a_planted_wrong_scale_fails[20-0.95]": "20-1.05",
}
"""By file and name, with or without a case in brackets: what stays in `.ci/run` of their kind."""

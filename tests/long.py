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
    "test_docs::test_examples[tutorial.md]": "the examples of README.md",
    "test_docs::test_notebooks[quickstart]": "the notebook of the Hessian",
    "test_docs::test_notebooks[regimes]": "the notebook of the Hessian",
    "test_docs::test_notebooks[loss_surface]": "the notebook of the Hessian",
    # Commands.
    "test_cli::test_built_in_data_and_one_neuron[square_wave]": "nile",
    "test_cli::test_converged_networks_go_on_to_the_end": "test_flow_writes_everything",
    "test_cli::test_float32_standardizes_in_full_precision": "test_float32_and_device",
    "test_cli::test_compiled_programs_are_kept_for_the_next_command[False]": "where it may write",
    "test_progress::test_a_flow_and_a_film_say_what_they_do": "test_a_fit_says_each_method",
    "test_cli_law::test_law_compares_counts_with_the_exact_law[he]": "the uniform law",
    "test_cli::test_compiled_programs_are_kept_for_the_next_command[True]": "test_programs",
    "test_cli_law::test_the_shipped_study": "test_sweep_goes_on_and_refuses",
    "test_explore::test_padding_changes_nothing": "test_a_padded_problem_is_the_same",
    # Verdicts.
    "test_claims::test_planted_faults_turn_the_verdict[lit-maennel-0]": "planted faults of the paper's claims",
    "test_claims::test_planted_faults_turn_the_verdict[lit-alignment-0]": "planted faults of the paper's claims",
    "test_claims::test_planted_faults_turn_the_verdict[lit-holzmueller-0]": "planted faults of the paper's claims",
    "test_claims::test_verdicts[lit-orthogonal]": "lit-appella, lit-mulayoff",
    "test_claims::test_verdicts[text-extrema]": "text-signs",
    "test_claims::test_the_page_in_a_browser[desktop]": "phone",
    # The flow.
    "test_exact::test_the_parameter_side_and_the_data_side_agree": "test_the_structured_solve_is_the_dense_one",
    "test_exact::test_two_orthogonal_points_go_from_saddle_to_saddle": "test_three_points_stall_on_the_...",
    "test_exact::test_its_error_follows_the_tolerance[0.1]": "the other scales",
    "test_dynamics::test_charts_agree_across_crossings": "test_charts_agree_inside_one_cell",
    "test_far::test_flows_at_rest_are_critical_and_stay_where_they_are[0.0001-32]": "test_rest_is_judged_alike_...",
    # Batches and devices.
    "test_ensemble::test_flow_is_the_flow_of_each_on_any_number_of_devices": "test_run_labels_what_a_loop_would_give",
    "test_ensemble::test_condensed_nets_meet_the_same_datum_at_the_same_time": "test_condense_in_degenerate_cases",
    "test_package::test_four_devices_give_what_one_gives": "test_collect_is_the_sum_on_any_number_of_devices",
}
"""By file and name, with or without a case in brackets: what stays in `.ci/run` of their kind."""

# bash completion for sae-metricsd(8)

# What --socket and --db say before the word that is completed, so that the runs are those of the same place.
_sae_metricsd_place() {
	local i
	place=()
	for ((i = 2; i < COMP_CWORD - 1; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --db) place+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]/#\~\//$HOME/}") ;;
		esac
	done
}

# Quick, and silent where no daemon answers.
_sae_metricsd_runs() {
	local place
	_sae_metricsd_place
	COMPREPLY+=($(compgen -W "$("$program" status --ids "${place[@]}" 2>/dev/null </dev/null | cut -f 1)" -- "$cur"))
}

_sae_metricsd_paths() { # _sae_metricsd_paths -f|-d
	local IFS=$'\n'
	compopt -o filenames 2>/dev/null
	COMPREPLY+=($(compgen "$1" -- "$cur"))
}

# The keys there are, with `$1` behind each.
_sae_metricsd_keys() {
	local keys
	keys=$("$program" config 2>/dev/null </dev/null | cut -d ' ' -f 1 | grep -vx -e wandb.key -e user)
	[ -z "$1" ] || compopt -o nospace 2>/dev/null
	COMPREPLY+=($(compgen -S "$1" -W "$keys" -- "$cur"))
}

_sae_metricsd_words() {
	COMPREPLY+=($(compgen -W "$*" -- "$cur"))
}

# Headings, and values by their names.
_sae_metricsd_column_names() {
	echo RUN ID STATE PROJECT USER STEP PROG TOKENS TOK/S ETA MSE L0 EV DEAD WIN LR FWD ALERTS \
		mse_loss l1_loss ghost_grad_loss aux_reconstruction_loss overall_loss l0 explained_variance \
		explained_variance_std fvu mean_log10_feature_sparsity current_learning_rate l1_coefficient dead_features \
		dead_10m_tokens never_fired below_1e-5 below_1e-6 above_1e-2 above_1e-1 revived newly_dead mean_passes_since_fired \
		mean_tokens_since_fired p10 p25 p50 p75 p90 window n_tokens n_training_tokens n_training_images \
		n_tokens_folded total_training_steps total_training_tokens tokens_per_s steps_per_s duration_s last_step_age_s \
		started last_seen ended group tags notes host pid program source profile architecture d_in d_sae \
		train_batch_size exit_code end_words attempt world_size messages dropped late refused lost missing_steps
}

# A list with commas: what is complete stays in front of the last.
_sae_metricsd_columns() {
	local done=
	[[ $cur == *,* ]] && done=${cur%,*},
	cur=${cur##*,}
	compopt -o nospace 2>/dev/null
	COMPREPLY+=($(compgen -P "$done" -W "$(_sae_metricsd_column_names)" -- "$cur"))
}

# The value of an option. False where `$1` is none that has one.
_sae_metricsd_value() {
	# Some are tables of export's, and have none there.
	[[ $command != export || $1 != --@(steps|windows) ]] || return 1
	case $1 in
	--socket | --config) _sae_metricsd_paths -f ;;
	--db | --output | --database | --into) _sae_metricsd_paths -f ;;
	--backup-to | --wandb) _sae_metricsd_paths -d ;;
	--log-level) _sae_metricsd_words error warning info debug ;;
	--color) _sae_metricsd_words auto always never ;;
	--x | --y) _sae_metricsd_words l0 fvu explained_variance mse_loss overall_loss dead_features tokens ;;
	--x-better | --y-better) _sae_metricsd_words lower higher ;;
	--as) _sae_metricsd_words prisma saelens saelens-legacy native ;;
	--fail-if-dominated) _sae_metricsd_runs ;;
	--timeout) _sae_metricsd_words 1s 10s 1m ;;
	--x-axis) _sae_metricsd_words step tokens ;;
	--kind) _sae_metricsd_words curves density front ;;
	--over) _sae_metricsd_words step tokens time ;;
	--y-axis) _sae_metricsd_words linear log ;;
	--backup-every) _sae_metricsd_words 10m 1h 6h 1d ;;
	--exit-when-idle)
		_sae_metricsd_words 10m 1h 1d
		[ "$command" != start ] || _sae_metricsd_words never
		;;
	--state) _sae_metricsd_words running stalled finished failed crashed preempted stopped ;;
	--since | --change-since) _sae_metricsd_words 2h 1d 7d ;;
	--rank-grace | --backup-keep | --patience | --reason | --project | --group | --user | --tag | --where | --limit | --at | --steps | --metric | --at-tokens | --ref | --windows | --title | --width | --height | --scale | --dpi | --from | --to | --columns | --remove) ;;
	--set) _sae_metricsd_keys = ;;
	-o) if [[ $command == plot || $command == report ]]; then _sae_metricsd_paths -f; else _sae_metricsd_columns; fi ;;
	--sort) _sae_metricsd_words $(_sae_metricsd_column_names) ;;
	*) return 1 ;;
	esac
}

_sae_metricsd_options() {
	case $command in
	serve)
		echo --system --set --socket --db --config --backup-every --backup-to --backup-keep --exit-when-idle --rank-grace --log-level --help
		;;
	start) echo --exit-when-idle --json --help ;;
	status) echo --as --sort --limit --project --group --user --tag --state --where --since --db --socket -o --no-headings --json --jsonl --openmetrics --all --output --ids --check --color --help ;;
	watch) echo --project --group --user --tag --state --where --since --db --socket --color --help ;;
	why) echo --at --steps --db --socket --json --output --color --help ;;
	pareto)
		echo --x --y --x-better --y-better --at-tokens --as --ref --change-since --trajectories --fail-if-dominated --no-plot --no-headings --json --explain --project --group --user --tag --state --where --since --db --socket --output --color --help
		;;
	compare)
		echo --x --y --x-better --y-better --at-tokens --as --all --no-plot --json --project --group --user --tag --state --where --since --db --socket --output --color --help
		;;
	stop)
		echo --reason --dominated --at-tokens --dry-run --all-users --x --y --x-better --y-better --json --project --group --user --tag --where --since --color --socket --help
		;;
	ack) echo --undo --socket --help ;;
	tag) echo --remove --undo --socket --help ;;
	rename) echo --undo --socket --help ;;
	rm) echo --dry-run --force --socket --help ;;
	sync) echo --take-over --dry-run --db --socket --config --patience --help ;;
	report) echo -o --output --title --at-tokens --db --socket --help ;;
	plot)
		echo --kind --metric --over --y-axis --windows --x --y --x-better --y-better --at-tokens --trajectory --project --group --user --tag --state --where --since -o --output --title --dark --width --height --scale --dpi --db --socket --help
		;;
	import) echo --into --help ;;
	query) echo --json --jsonl --csv --output --timeout --db --socket --color --help ;;
	export)
		echo --csv --jsonl --output --steps --history --windows --histograms --events --features --deaths --from --to --columns --all-attempts --project --group --user --tag --state --where --since --database --wandb --db --socket --no-extra-metrics --x-axis --unfinished --help
		;;
	backup) echo --db --force --help ;;
	config) echo --check --json --system --user --config --set --help ;;
	doctor) echo --socket --db --config --json --help ;;
	esac
}

_sae_metricsd() {
	local program=${COMP_WORDS[0]/#\~\//$HOME/} command=${COMP_WORDS[1]} cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()

	# --color=al comes as three words.
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [ "$COMP_CWORD" -eq 1 ]; then
		_sae_metricsd_words serve start status watch why pareto compare export query import plot report stop ack tag rename rm sync backup config doctor --help --version
	elif _sae_metricsd_value "$prev"; then
		:
	elif [[ $cur == -* ]]; then
		_sae_metricsd_words $(_sae_metricsd_options)
	else
		case $command in
		status | watch | why | pareto | compare | stop | export | plot | report | ack | tag | rename | rm) _sae_metricsd_runs ;;
		sync)
			_sae_metricsd_runs
			_sae_metricsd_paths -f
			;;
		backup | import) _sae_metricsd_paths -f ;;
		config)
			_sae_metricsd_keys ""
			[[ " ${COMP_WORDS[*]} " != *" --check "* ]] || _sae_metricsd_paths -f
			;;
		esac
	fi
}

complete -F _sae_metricsd sae-metricsd

# fish completion for sae-metricsd(8)

# Quick, and silent where no daemon answers. --socket and --db say whose runs.
function __sae_metricsd_runs
    set -l words (commandline -opc)
    set -l place
    for i in (seq 3 (math (count $words) - 1))
        if contains -- $words[$i] --socket --db
            set -a place $words[$i] (string replace -r '^~/' "$HOME/" -- $words[(math $i + 1)])
        end
    end
    $words[1] status --ids $place 2>/dev/null </dev/null
end

# Headings, and values by their names.
function __sae_metricsd_column_names
    string split ' ' -- 'RUN ID STATE PROJECT USER STEP PROG TOKENS TOK/S ETA MSE L0 EV DEAD WIN LR FWD ALERTS' \
        'mse_loss l1_loss ghost_grad_loss aux_reconstruction_loss overall_loss l0 explained_variance' \
        'explained_variance_std fvu mean_log10_feature_sparsity current_learning_rate l1_coefficient dead_features' \
        'dead_10m_tokens never_fired below_1e-5 below_1e-6 above_1e-2 above_1e-1 revived newly_dead mean_passes_since_fired' \
        'mean_tokens_since_fired p10 p25 p50 p75 p90 window n_tokens n_training_tokens n_training_images' \
        'n_tokens_folded total_training_steps total_training_tokens tokens_per_s steps_per_s duration_s last_step_age_s' \
        'started last_seen ended group tags notes host pid program source profile architecture d_in d_sae' \
        'train_batch_size exit_code end_words attempt world_size messages dropped late refused lost missing_steps'
end

# A list with commas: what is complete stays in front of the last.
function __sae_metricsd_columns
    set -l done (string match -r '^.*,' -- (commandline -ct))
    for column in (__sae_metricsd_column_names)
        echo $done$column
    end
end

# The keys there are, with $argv[1] behind each.
function __sae_metricsd_keys
    set -l words (commandline -opc)
    for key in ($words[1] config 2>/dev/null </dev/null | string match -r '^[a-z_]+\.\S+')
        echo $key$argv[1]
    end
end

function __sae_metricsd_command # COMMAND DESCRIPTION
    complete -c sae-metricsd -n __fish_use_subcommand -a $argv[1] -d $argv[2]
    complete -c sae-metricsd -n "__fish_seen_subcommand_from $argv[1]" -s h -l help -d 'a summary'
end

function __sae_metricsd_option # COMMAND complete's arguments
    complete -c sae-metricsd -n "__fish_seen_subcommand_from $argv[1]" $argv[2..-1]
end

complete -c sae-metricsd -f
complete -c sae-metricsd -n __fish_use_subcommand -s h -l help -d 'a summary'
complete -c sae-metricsd -n __fish_use_subcommand -l version -d 'which this is'

__sae_metricsd_command serve 'run the daemon in the foreground'
__sae_metricsd_option serve -l system -d "be the host's daemon"
__sae_metricsd_option serve -l socket -r -F -d 'where to listen'
__sae_metricsd_option serve -l db -r -F -d 'the database'
__sae_metricsd_option serve -l set -x -a '(__sae_metricsd_keys =)' -d 'set one thing'
__sae_metricsd_option serve -l config -r -F -d 'what is set'
__sae_metricsd_option serve -l backup-every -x -a '10m 1h 6h 1d' -d 'copy the database so often'
__sae_metricsd_option serve -l backup-to -x -a '(__fish_complete_directories)' -d 'where copies go'
__sae_metricsd_option serve -l backup-keep -x -d 'as many copies are kept'
__sae_metricsd_option serve -l exit-when-idle -x -a '10m 1h 1d' -d 'end when nobody was connected for so long'
__sae_metricsd_option serve -l rank-grace -x -d 'so long a missing rank is waited for'
__sae_metricsd_option serve -l log-level -x -a 'error warning info debug' -d 'what is logged'

__sae_metricsd_command start 'run the daemon in the background, unless one is there'
__sae_metricsd_option start -l exit-when-idle -x -a '10m 1h 1d never' -d 'how long it waits for somebody'
__sae_metricsd_option start -l json -d 'say what became of it as JSON'

__sae_metricsd_command status 'show the runs, or one in full'
__sae_metricsd_option status -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option status -l db -r -F -d 'read database files'
__sae_metricsd_option status -l socket -r -F -d 'ask the daemon behind this socket'
__sae_metricsd_option status -s o -x -a '(__sae_metricsd_columns)' -d 'only these columns'
__sae_metricsd_option status -l sort -x -a '(__sae_metricsd_column_names)' -d 'in the order of a column'
__sae_metricsd_option status -l limit -x -d 'only so many'
__sae_metricsd_option status -l as -x -a 'prisma saelens saelens-legacy native' -d "a run's figures by another trainer's definitions"
__sae_metricsd_option status -l no-headings -d 'rows only'
__sae_metricsd_option status -l json -d 'everything, as one JSON document'
__sae_metricsd_option status -l jsonl -d 'the same, a run a line'
__sae_metricsd_option status -l openmetrics -d 'all of it as metrics'
__sae_metricsd_option status -l all -d 'with --openmetrics: also runs that are long over'
__sae_metricsd_option status -l output -r -F -d 'write into a file'
__sae_metricsd_option status -l ids -d 'ids of the newest runs'
__sae_metricsd_option status -l check -d 'exit with 10 if something needs attention'
__sae_metricsd_option status -l project -x -d 'only runs of this project'
__sae_metricsd_option status -l group -x -d 'only of this group'
__sae_metricsd_option status -l user -x -a '(__fish_complete_users)' -d 'only of this user'
__sae_metricsd_option status -l tag -x -d 'only with this tag'
__sae_metricsd_option status -l state -x -a 'running stalled finished failed crashed preempted stopped' -d 'only in these states'
__sae_metricsd_option status -l where -x -d 'only where the config says so'
__sae_metricsd_option status -l since -x -a '2h 1d 7d' -d 'only seen since then'
__sae_metricsd_option status -l color -x -a 'auto always never' -d colours

__sae_metricsd_command watch 'follow the runs on a full screen'
__sae_metricsd_option watch -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option watch -l project -x -d 'only runs of this project'
__sae_metricsd_option watch -l group -x -d 'only of this group'
__sae_metricsd_option watch -l user -x -a '(__fish_complete_users)' -d 'only of this user'
__sae_metricsd_option watch -l tag -x -d 'only with this tag'
__sae_metricsd_option watch -l state -x -a 'running stalled finished failed crashed preempted stopped' -d 'only in these states'
__sae_metricsd_option watch -l where -x -d 'only where the config says so'
__sae_metricsd_option watch -l since -x -a '2h 1d 7d' -d 'only seen since then'
__sae_metricsd_option watch -l db -r -F -d 'follow database files'
__sae_metricsd_option watch -l socket -r -F -d 'ask the daemon behind this socket'
__sae_metricsd_option watch -l color -x -a 'auto always never' -d colours

__sae_metricsd_command why 'show where a run first went wrong'
__sae_metricsd_option why -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option why -l at -x -d 'look at this step'
__sae_metricsd_option why -l steps -x -d 'show so many steps'
__sae_metricsd_option why -l db -r -F -d 'read database files'
__sae_metricsd_option why -l socket -r -F -d 'ask the daemon behind this socket'
__sae_metricsd_option why -l json -d 'everything, as one JSON document'
__sae_metricsd_option why -l output -r -F -d 'write into a file'
__sae_metricsd_option why -l color -x -a 'auto always never' -d colours
__sae_metricsd_command pareto 'show which runs no other beats on both of two figures'
__sae_metricsd_option pareto -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option pareto -l x -x -a 'l0 fvu explained_variance mse_loss overall_loss dead_features tokens' -d 'what counts'
__sae_metricsd_option pareto -l y -x -a 'l0 fvu explained_variance mse_loss overall_loss dead_features tokens' -d 'what counts'
__sae_metricsd_option pareto -l x-better -x -a 'lower higher' -d 'which is better'
__sae_metricsd_option pareto -l y-better -x -a 'lower higher' -d 'which is better'
__sae_metricsd_option pareto -l at-tokens -x -d 'each run as it was after so many'
__sae_metricsd_option pareto -l as -x -a 'prisma saelens saelens-legacy native' -d "by one trainer's definitions"
__sae_metricsd_option pareto -l ref -x -d 'reference point of the hypervolume'
__sae_metricsd_option pareto -l change-since -x -a '2h 1d 7d' -d 'what is new on the front since then'
__sae_metricsd_option pareto -l trajectories -d 'the way of each run'
__sae_metricsd_option pareto -l fail-if-dominated -x -k -a '(__sae_metricsd_runs)' -d 'exit with 10 if this run is not on the front'
__sae_metricsd_option pareto -l no-plot -d 'the table alone'
__sae_metricsd_option pareto -l no-headings -d 'rows only'
__sae_metricsd_option pareto -l explain -d 'what all this means'
__sae_metricsd_option pareto -l json -d 'everything, as one JSON document'
__sae_metricsd_option pareto -l project -x -d 'only runs of this project'
__sae_metricsd_option pareto -l group -x -d 'only of this group'
__sae_metricsd_option pareto -l user -x -a '(__fish_complete_users)' -d 'only of this user'
__sae_metricsd_option pareto -l tag -x -d 'only with this tag'
__sae_metricsd_option pareto -l state -x -a 'running stalled finished failed crashed preempted stopped' -d 'only in these states'
__sae_metricsd_option pareto -l where -x -d 'only where the config says so'
__sae_metricsd_option pareto -l since -x -a '2h 1d 7d' -d 'only seen since then'
__sae_metricsd_option pareto -l db -r -F -d 'read database files'
__sae_metricsd_option pareto -l socket -r -F -d 'ask the daemon behind this socket'
__sae_metricsd_option pareto -l output -r -F -d 'write into a file'
__sae_metricsd_option pareto -l color -x -a 'auto always never' -d colours

__sae_metricsd_command compare 'show a few runs side by side, at equal tokens'
__sae_metricsd_option compare -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option compare -l x -x -a 'l0 fvu explained_variance mse_loss overall_loss dead_features tokens' -d 'what counts'
__sae_metricsd_option compare -l y -x -a 'l0 fvu explained_variance mse_loss overall_loss dead_features tokens' -d 'what counts'
__sae_metricsd_option compare -l x-better -x -a 'lower higher' -d 'which is better'
__sae_metricsd_option compare -l y-better -x -a 'lower higher' -d 'which is better'
__sae_metricsd_option compare -l at-tokens -x -d 'each run as it was after so many'
__sae_metricsd_option compare -l as -x -a 'prisma saelens saelens-legacy native' -d "by one trainer's definitions"
__sae_metricsd_option compare -l all -d 'also what is the same in their configs'
__sae_metricsd_option compare -l no-plot -d 'without the densities'
__sae_metricsd_option compare -l json -d 'everything, as one JSON document'
__sae_metricsd_option compare -l project -x -d 'only runs of this project'
__sae_metricsd_option compare -l group -x -d 'only of this group'
__sae_metricsd_option compare -l user -x -a '(__fish_complete_users)' -d 'only of this user'
__sae_metricsd_option compare -l tag -x -d 'only with this tag'
__sae_metricsd_option compare -l state -x -a 'running stalled finished failed crashed preempted stopped' -d 'only in these states'
__sae_metricsd_option compare -l where -x -d 'only where the config says so'
__sae_metricsd_option compare -l since -x -a '2h 1d 7d' -d 'only seen since then'
__sae_metricsd_option compare -l db -r -F -d 'read database files'
__sae_metricsd_option compare -l socket -r -F -d 'ask the daemon behind this socket'
__sae_metricsd_option compare -l output -r -F -d 'write into a file'
__sae_metricsd_option compare -l color -x -a 'auto always never' -d colours

__sae_metricsd_command export 'write rows as CSV or JSON lines, or a run for wandb sync'
__sae_metricsd_option export -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option export -l csv -d 'as CSV'
__sae_metricsd_option export -l jsonl -d 'strict JSON, a row a line'
__sae_metricsd_option export -l output -r -F -d 'write into a file or folder'
__sae_metricsd_option export -l steps -d 'every step'
__sae_metricsd_option export -l history -d 'what the trainer would have logged'
__sae_metricsd_option export -l windows -d 'sparsity windows'
__sae_metricsd_option export -l histograms -d 'histograms that were logged'
__sae_metricsd_option export -l events -d 'what happened'
__sae_metricsd_option export -l features -d 'how often each feature fired'
__sae_metricsd_option export -l deaths -d 'which features died and came alive again'
__sae_metricsd_option export -l from -x -d 'from this step on'
__sae_metricsd_option export -l to -x -d 'up to this step'
__sae_metricsd_option export -l columns -x -d 'only these columns'
__sae_metricsd_option export -l all-attempts -d 'also what a run left behind'
__sae_metricsd_option export -l project -x -d 'only runs of this project'
__sae_metricsd_option export -l group -x -d 'only of this group'
__sae_metricsd_option export -l user -x -a '(__fish_complete_users)' -d 'only of this user'
__sae_metricsd_option export -l tag -x -d 'only with this tag'
__sae_metricsd_option export -l state -x -a 'running stalled finished failed crashed preempted stopped' -d 'only in these states'
__sae_metricsd_option export -l where -x -d 'only where the config says so'
__sae_metricsd_option export -l since -x -a '2h 1d 7d' -d 'only seen since then'
__sae_metricsd_option export -l database -r -F -d 'a copy of the whole database'
__sae_metricsd_option export -l wandb -x -a '(__fish_complete_directories)' -d 'for wandb sync'
__sae_metricsd_option export -l db -r -F -d 'the database'
__sae_metricsd_option export -l socket -r -F -d 'ask the daemon behind this socket'
__sae_metricsd_option export -l no-extra-metrics -d "only what the run's own trainer would have logged"
__sae_metricsd_option export -l x-axis -x -a 'step tokens' -d 'what charts are drawn over'
__sae_metricsd_option export -l unfinished -d 'also a run that goes on'

__sae_metricsd_command report 'write a page about runs, to send on'
__sae_metricsd_option report -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option report -s o -l output -r -F -d 'where to'
__sae_metricsd_option report -l title -x -d 'at its top'
__sae_metricsd_option report -l at-tokens -x -d 'means and front at so many tokens'
__sae_metricsd_option report -l db -r -F -d 'read database files'
__sae_metricsd_option report -l socket -r -F -d 'ask the daemon behind this socket'

__sae_metricsd_command plot 'draw curves, densities or the Pareto front'
__sae_metricsd_option plot -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option plot -l kind -x -a 'curves density front' -d 'what is drawn'
__sae_metricsd_option plot -l metric -x -d 'of curves: which metrics, with commas'
__sae_metricsd_option plot -l over -x -a 'step tokens time' -d 'what curves are drawn over'
__sae_metricsd_option plot -l y-axis -x -a 'linear log' -d 'the scale of values'
__sae_metricsd_option plot -l windows -x -d 'of density: so many at most'
__sae_metricsd_option plot -l x -x -d 'of the front: its metric'
__sae_metricsd_option plot -l y -x -d 'of the front: its metric'
__sae_metricsd_option plot -l at-tokens -x -d 'of the front: at so many tokens'
__sae_metricsd_option plot -l x-better -x -a 'lower higher' -d 'of the front: which is better'
__sae_metricsd_option plot -l y-better -x -a 'lower higher' -d 'of the front: which is better'
__sae_metricsd_option plot -l trajectory -d 'of the front: how each run got there'
__sae_metricsd_option plot -l project -x -d 'only runs of this project'
__sae_metricsd_option plot -l group -x -d 'only runs of this group'
__sae_metricsd_option plot -l user -x -d 'only runs of this user'
__sae_metricsd_option plot -l tag -x -d 'only runs with this tag'
__sae_metricsd_option plot -l state -x -a 'running stalled finished failed crashed preempted stopped' -d 'only runs in these states'
__sae_metricsd_option plot -l where -x -d 'only runs whose config says so'
__sae_metricsd_option plot -l since -x -d 'only runs seen since then'
__sae_metricsd_option plot -s o -l output -r -F -d 'where to'
__sae_metricsd_option plot -l title -x -d 'above the picture'
__sae_metricsd_option plot -l dark -d 'on a dark ground'
__sae_metricsd_option plot -l width -x -d 'in 1/96 inch'
__sae_metricsd_option plot -l height -x -d 'in 1/96 inch'
__sae_metricsd_option plot -l scale -x -d 'letters and lines so many times as large'
__sae_metricsd_option plot -l dpi -x -d 'of a PNG, pixels an inch'
__sae_metricsd_option plot -l db -r -F -d 'read database files'
__sae_metricsd_option plot -l socket -r -F -d 'ask the daemon behind this socket'

__sae_metricsd_command import 'make one database of several'
__sae_metricsd_option import -F
__sae_metricsd_option import -l into -r -F -d 'the database that gets them'

__sae_metricsd_command query 'ask in SQL'
__sae_metricsd_option query -l json -d 'one JSON document'
__sae_metricsd_option query -l jsonl -d 'a row a line'
__sae_metricsd_option query -l csv -d 'as CSV'
__sae_metricsd_option query -l output -r -F -d 'write into a file'
__sae_metricsd_option query -l timeout -x -a '1s 10s 1m' -d 'for so long it may take'
__sae_metricsd_option query -l db -r -F -d 'the database'
__sae_metricsd_option query -l socket -r -F -d 'ask the daemon behind this socket'
__sae_metricsd_option query -l color -x -a 'auto always never' -d colours

__sae_metricsd_command stop "ask a run's trainer to stop"
__sae_metricsd_option stop -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option stop -l reason -x -d why
__sae_metricsd_option stop -l dominated -d 'runs that a finished one beats'
__sae_metricsd_option stop -l at-tokens -x -d 'compared after so many'
__sae_metricsd_option stop -l dry-run -d 'say who would be asked'
__sae_metricsd_option stop -l all-users -d "also other users' runs"
__sae_metricsd_option stop -l x -x -a 'l0 fvu explained_variance mse_loss overall_loss dead_features tokens' -d 'what counts'
__sae_metricsd_option stop -l y -x -a 'l0 fvu explained_variance mse_loss overall_loss dead_features tokens' -d 'what counts'
__sae_metricsd_option stop -l x-better -x -a 'lower higher' -d 'which is better'
__sae_metricsd_option stop -l y-better -x -a 'lower higher' -d 'which is better'
__sae_metricsd_option stop -l json -d 'everything, as one JSON document'
__sae_metricsd_option stop -l project -x -d 'only runs of this project'
__sae_metricsd_option stop -l group -x -d 'only of this group'
__sae_metricsd_option stop -l user -x -a '(__fish_complete_users)' -d 'only of this user'
__sae_metricsd_option stop -l tag -x -d 'only with this tag'
__sae_metricsd_option stop -l where -x -d 'only where the config says so'
__sae_metricsd_option stop -l since -x -a '2h 1d 7d' -d 'only seen since then'
__sae_metricsd_option stop -l color -x -a 'auto always never' -d colours
__sae_metricsd_option stop -l socket -r -F -d 'ask the daemon behind this socket'

__sae_metricsd_command ack 'acknowledge alerts'
__sae_metricsd_option ack -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option ack -l undo -d 'they are open again'
__sae_metricsd_option ack -l socket -r -F -d 'ask the daemon behind this socket'

__sae_metricsd_command tag 'give a run tags, or take some from it'
__sae_metricsd_option tag -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option tag -l remove -x -d 'take this one from it'
__sae_metricsd_option tag -l undo -d 'the tags its trainer gives it, again'
__sae_metricsd_option tag -l socket -r -F -d 'ask the daemon behind this socket'

__sae_metricsd_command rename 'give a run another name'
__sae_metricsd_option rename -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option rename -l undo -d 'the name its trainer gives it, again'
__sae_metricsd_option rename -l socket -r -F -d 'ask the daemon behind this socket'

__sae_metricsd_command rm 'remove runs'
__sae_metricsd_option rm -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option rm -l dry-run -d 'say what would be removed'
__sae_metricsd_option rm -l force -d 'also where W&B does not have all of it'
__sae_metricsd_option rm -l socket -r -F -d 'ask the daemon behind this socket'

__sae_metricsd_command sync 'send what waits for Weights & Biases'
__sae_metricsd_option sync -F -k -a '(__sae_metricsd_runs)'
__sae_metricsd_option sync -l take-over -d 'go on behind whatever W&B has'
__sae_metricsd_option sync -l dry-run -d 'say what would be sent'
__sae_metricsd_option sync -l db -r -F -d 'the database RUNs are looked for in'
__sae_metricsd_option sync -l socket -r -F -d "the daemon's socket"
__sae_metricsd_option sync -l config -r -F -d 'what is set about W&B'
__sae_metricsd_option sync -l patience -x -d 'give up when nothing was taken for so many seconds'

__sae_metricsd_command backup 'copy the database, also while it is in use'
__sae_metricsd_option backup -F
__sae_metricsd_option backup -l db -r -F -d 'the database'
__sae_metricsd_option backup -l force -d 'replace a file that is there'

__sae_metricsd_command config 'what is set, and where'
__sae_metricsd_option config -F -k -a '(__sae_metricsd_keys "")'
__sae_metricsd_option config -l check -d 'say what is wrong'
__sae_metricsd_option config -l json -d 'as JSON'
__sae_metricsd_option config -l system -d "of the host's daemon"
__sae_metricsd_option config -l user -d 'of your own'
__sae_metricsd_option config -l config -r -F -d 'this file in place of all others'
__sae_metricsd_option config -l set -x -a '(__sae_metricsd_keys =)' -d 'as if serve had been told'

__sae_metricsd_command doctor 'check all that is needed, and say what to do'
__sae_metricsd_option doctor -l socket -r -F -d 'of the daemon behind this socket'
__sae_metricsd_option doctor -l db -r -F -d 'of this database'
__sae_metricsd_option doctor -l config -r -F -d 'what is set'
__sae_metricsd_option doctor -l json -d 'what was found as JSON'

functions -e __sae_metricsd_command __sae_metricsd_option

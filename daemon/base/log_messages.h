/* What kinds of messages there are, for who searches the journal: `journalctl MESSAGE_ID=…`. A number never changes its
 * meaning, and none is used again. systemd/sae-metricsd.catalog says of each what to do. */
#pragma once

#define LOG_LISTENING     "caa7630412a44058ab134e1055240f61"
#define LOG_ENDING        "ed37e721a9dc432597cd65ff5e33fe8c"
#define LOG_RUN_STARTED   "5ac0925e9b244e19858665a954523321"
#define LOG_RUN_STATE     "9bdca6149c1e436187aba959af1037f3"
#define LOG_WINDOW_CLOSED "e3ca8e2ab7494526afb585a7408fff2f"
#define LOG_RANK_LOST     "7a63aa613e3e4b17aff0da58df55b4f2"
#define LOG_STOP_ASKED    "82ce09fb16c24cb8a45c88db216cf468"
#define LOG_REFUSED       "6fa9f3708edd4a1d840114eb4b14a79f"
#define LOG_RUN_REJECTED  "3e2851d6e9d644129a1c2249bc0e1b79"
#define LOG_COMMITS_FAIL  "4b3bf743823c4ae282cda48ed7687a25"
#define LOG_COMMITS_WORK  "f3d41e9654e6476bb3c6dab69c6a679e"
#define LOG_UNSAID        "bac9921d8ce3448d976a0e55af2b58cf"

#include "wandb_setup.h"

void wandb_setup(const struct wandb_settings *settings, const struct credential *credential,
	struct forward_options *ret) {
	*ret = (struct forward_options){
		.base_url = settings->base_url,
		.app_url = settings->app_url,
		.introduction =
			{
				.version = SAE_METRICSD_VERSION,
				.entity = settings->entity,
				.project = settings->project,
				.x_axis = settings->x_axis == WANDB_X_AXIS_TOKENS ? FORWARD_X_TOKENS
										  : FORWARD_X_STEP,
			},
		.key = credential->key,
		.key_source = credential->source,
		.http =
			{
				.user_agent = "sae-metricsd/" SAE_METRICSD_VERSION,
				.proxy_http = settings->proxy_http,
				.proxy_https = settings->proxy_https,
				.ca_file = settings->ca_file,
				.ca_directory = settings->ca_directory,
				.insecure = settings->insecure_tls,
			},
		.policy = courier_default_policy,
		.request_timeout_ms = settings->request_timeout_ms,
		.requests_per_s = settings->requests_per_s,
	};
	ret->policy.transmit_ms = settings->transmit_interval_ms;
	ret->policy.heartbeat_ms = settings->heartbeat_interval_ms;
}

/* Of a wheel: needs libcurl, and does nothing. */
#include <curl/curl.h>

extern CURLcode (*const libcurl_bundled)(long flags);
CURLcode (*const libcurl_bundled)(long flags) = curl_global_init;

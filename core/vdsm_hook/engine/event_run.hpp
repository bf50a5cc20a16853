// The hooks of one event, one after the other, with the document going through them. Inside core/vdsm_hook/engine only.
#pragma once

#include <stop_token>

#include "vdsm_hook/engine/prepared.hpp"
#include "vdsm_hook/engine/report.hpp"
#include "vdsm_hook/engine/request.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

/// Takes into SECRETS what must not be shown of the documents and variables that REQUEST gives.
void learn_secrets(const Request& request, Secrets& secrets);

/// Runs the hooks that PREPARED says. REPORT has what the plan says already, and gets what became of it. Throws
/// engine_failure.
void run_hooks(const Request& request, const Settings& settings, const Prepared& prepared, Runner& runner,
               Report& report, const std::stop_token& stop);

}  // namespace vdsm_hook

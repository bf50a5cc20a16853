// What a program tells the service manager that started it, and where its log goes.
#pragma once

#include <string>
#include <string_view>

namespace vdsm_hook::cli {

/// Sends STATE ("READY=1\nSTATUS=...") to the socket that NOTIFY_SOCKET names, as sd_notify(3) does; without one
/// nothing. What cannot be sent is lost: the service manager has a deadline of its own.
void notify_manager(std::string_view state);

/// Whether standard error is the journal, as JOURNAL_STREAM says: then each line takes its level as <N> in front.
bool logs_to_journal();

}  // namespace vdsm_hook::cli

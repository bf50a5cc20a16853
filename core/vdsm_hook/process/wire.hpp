// What goes between an engine and its helper. Inside core/vdsm_hook/process and its tests only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

/// To the helper: what run_while_clean() takes.
struct Batch {
  std::vector<ProcessSpec> specs;
  WatchedFile file;
};

/// From the helper: one for each process that ran.
struct Answer {
  bool is_last = false;
  std::string failure{};  ///< why there is no outcome: the helper itself is broken; else empty
  ProcessOutcome outcome{};
};

/// A message. Both ends are the same build on the same machine, so numbers go as they lie in memory. Throws
/// engine_failure when it is larger than any may be.
std::string pack(const std::vector<ProcessSpec>& specs, const WatchedFile& file);
std::string pack(const Answer& answer);
/// Of what stands in a message, which must outlive the batch: the file's content lies in it. Throws engine_failure when
/// it is cut or too long.
Batch unpack_batch(std::string_view content);
Answer unpack_answer(std::string_view content);

/// The content of the next message into CONTENT; false: the other side has closed, or it is larger than any message.
bool receive(int fd, std::string& content);
/// False: the other side has closed.
bool send(int fd, std::string_view messages);

}  // namespace vdsm_hook

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/process/first_line.hpp"
#include "vdsm_hook/process/hook_process.hpp"

namespace vdsm_hook {
namespace {

constexpr const char* kCarriageReturn =
    "its first line ends with a carriage return, which becomes part of the interpreter's name: the file has the line "
    "ends of Windows (mend it with: sed -i 's/\\r$//' FILE)";

constexpr int kMaxScripts = 5;  // in a row, as the kernel has it

// Of a script's INTERPRETER that is a script as well.
std::optional<std::string> chain_obstacle(const std::string& interpreter) {
  auto script = interpreter;
  for (int scripts = 2;; ++scripts) {
    const auto line = first_line(script);
    if (line.interpreter.empty()) return std::nullopt;
    const auto what = "its interpreter " + printable(script) + " is a script itself";
    if (scripts > kMaxScripts)
      return what + ", the " + std::to_string(scripts) + "th in a row: the kernel follows " +
             std::to_string(kMaxScripts);
    if (!status_of(line.interpreter))
      return what + ", whose interpreter " + printable(line.interpreter) + " does not exist";
    if (!may_execute(line.interpreter))
      return what + ", whose interpreter " + printable(line.interpreter) + " is not executable";
    script = line.interpreter;
  }
}

std::optional<std::string> why_it_would_not_start(const std::string& program, StartObstacle::Kind& kind) {
  const auto line = first_line(program);
  if (line.is_utf16)
    return "it is a text in UTF-16, which neither the kernel nor sh can read: store it as UTF-8, without a byte order "
           "mark";
  if (!line.names_interpreter) return std::nullopt;
  if (line.has_byte_order_mark)
    return "a byte order mark stands in front of its #!, so that the kernel does not see the interpreter (mend it "
           "with: "
           "sed -i '1s/^\\xef\\xbb\\xbf//' FILE)";
  if (line.is_cut)
    return "its first line is longer than the " + std::to_string(kFirstLineBytes - 1) +
           " bytes that the kernel reads of it: name a shorter path, or start the interpreter from a script of two "
           "lines";
  if (line.interpreter.empty()) return "its first line names no interpreter behind #!";
  if (line.ends_with_carriage_return) {
    kind = StartObstacle::Kind::line_ends;
    return kCarriageReturn;
  }
  const bool is_relative = !line.interpreter.starts_with('/');
  const auto interpreter = is_relative ? "/" + line.interpreter : line.interpreter;  // hooks are started in /
  const auto named = "its interpreter " + printable(line.interpreter) + " (first line of the file)";
  if (!status_of(interpreter))
    return named + (is_relative ? " is named without its directory: write the whole path" : " does not exist");
  if (!may_execute(interpreter)) return named + " is not executable";
  return chain_obstacle(interpreter);
}

}  // namespace

std::optional<StartObstacle> start_obstacle(const std::string& program) {
  auto kind = StartObstacle::Kind::other;
  auto why = why_it_would_not_start(program, kind);
  if (!why) return std::nullopt;
  return StartObstacle{kind, std::move(*why)};
}

std::string explain_start_failure(const std::string& program, int errnum) {
  switch (errnum) {
    case ENOENT:
      if (auto obstacle = start_obstacle(program)) return obstacle->why;
      if (!status_of(program)) return "the file is gone: it was removed after the event began";
      return "its program loader does not exist: it was built for another system";
    case EACCES:
      if (auto obstacle = start_obstacle(program)) return obstacle->why;
      return "permission denied: its mode does not let uid " + std::to_string(::geteuid()) +
             " execute it, its file system is mounted noexec, or a security module (SELinux, AppArmor) forbids it";
    case ENOEXEC:
      if (auto obstacle = start_obstacle(program)) return obstacle->why;
      return first_line(program).is_elf
                 ? "it is a program for another kind of machine"
                 : "it is neither a program nor a script (a script names its interpreter in its first line: #!/bin/sh)";
    case ETXTBSY: return "the file is open for writing: it is still being copied (write it elsewhere and rename it)";
    case E2BIG: return "the environment is too large for the kernel (or an argument): too many or too long properties";
    case EMFILE: return "this process has no free file descriptor left (raise LimitNOFILE or ulimit -n)";
    case ENFILE: return "the host has no free file descriptor left";
    case EAGAIN: return "the host's or the user's limit of processes is reached";
    case ENOMEM: return "the host has no free memory for a process";
    case ELOOP:
      if (auto obstacle = start_obstacle(program)) return obstacle->why;
      return "its links lead in a circle";
    default: return std::string("it cannot be started: ") + ::strerrordesc_np(errnum);
  }
}

}  // namespace vdsm_hook

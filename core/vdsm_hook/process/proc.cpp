#include "vdsm_hook/process/proc.hpp"

#include <unistd.h>

#include <charconv>
#include <cstring>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {
namespace {

std::string place_of(pid_t pid) { return "/proc/" + std::to_string(pid) + "/"; }

std::optional<std::string> content_of(const std::string& path) {
  const UniqueFd fd = open_path(path, O_RDONLY).fd;
  if (!fd) return std::nullopt;
  try {
    return read_to_end(fd.get(), kMaxPayloadBytes, path);
  } catch (const Error&) {  // it ended meanwhile, or it is not ours to read
    return std::nullopt;
  }
}

// The numbers in TEXT, which stand between blanks; words are skipped.
std::vector<long long> numbers_in(std::string_view text) {
  std::vector<long long> numbers;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find_first_of(" \t\n"));
    long long number = 0;
    if (!word.empty() && std::from_chars(word.data(), word.data() + word.size(), number).ec == std::errc())
      numbers.push_back(number);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return numbers;
}

}  // namespace

bool proc_is_ours() {
  const auto status = content_of("/proc/self/status");
  const auto line = status ? status->find("\nNSpid:") : std::string::npos;
  if (line == std::string::npos) return false;
  // Seen from outside of our namespace there is a number for each namespace in between.
  const auto begin = line + std::strlen("\nNSpid:");
  const auto numbers = numbers_in(std::string_view(*status).substr(begin, status->find('\n', begin) - begin));
  return numbers.size() == 1 && numbers[0] == ::getpid();
}

std::optional<ProcessStat> stat_of(pid_t pid) {
  const auto text = content_of(place_of(pid) + "stat");
  if (!text) return std::nullopt;
  // The command's name stands in parentheses and may hold anything, so its end is the last one.
  const auto open = text->find('('), close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= text->size()) return std::nullopt;
  // Behind the letter: the parent, the group, the session; the threads are the 17th, the start time is the 19th.
  const auto fields = numbers_in(std::string_view(*text).substr(close + 3));
  if (fields.size() < 19) return std::nullopt;
  ProcessStat found{};
  found.pid = pid;
  found.name = text->substr(open + 1, close - open - 1);
  found.state = (*text)[close + 2];
  found.parent = static_cast<pid_t>(fields[0]);
  found.session = static_cast<pid_t>(fields[2]);
  found.start = static_cast<unsigned long long>(fields[18]);
  found.has_ended = found.state == 'X' || (found.state == 'Z' && fields[16] <= 1);
  return found;
}

std::vector<pid_t> children_of(pid_t pid) {
  const auto tasks = place_of(pid) + "task";
  std::vector<pid_t> children;
  for (const auto& thread : Directory(open_path(tasks, O_PATH | O_DIRECTORY).fd).names()) {
    const auto list = content_of(tasks + "/" + thread + "/children");
    if (!list) continue;
    for (const auto number : numbers_in(*list)) children.push_back(static_cast<pid_t>(number));
  }
  return children;
}

bool carries(pid_t pid, const std::string& token) {
  for (const auto* file : {"environ", "cgroup"}) {
    const auto text = content_of(place_of(pid) + file);
    if (text && text->find(token) != std::string::npos) return true;
  }
  return false;
}

}  // namespace vdsm_hook

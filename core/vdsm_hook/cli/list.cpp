// vdsm-hook list [EVENT]
#include <fcntl.h>
#include <sha2.h>
#include <sys/stat.h>

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/discovery/discovery.hpp"

namespace vdsm_hook::cli {
namespace {

struct ListedHook {
  std::string event;
  HookFile file;
  std::optional<std::string> checksum;  // none: there is a reason
  std::string no_checksum;
};

// SHA-256 of the file, in hexadecimal digits. nullopt: it is larger than kMaxChecksumBytes. Throws engine_failure.
std::optional<std::string> checksum_of(const std::string& path) {
  // A pipe that took the file's place must not make us wait.
  const auto opened = open_path(path, O_RDONLY | O_NONBLOCK);
  if (!opened) opened.fail("open", path);
  const auto& fd = opened.fd;
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode))
    throw Error(Errc::engine_failure, path + " is no regular file any more");
  if (static_cast<std::size_t>(st.st_size) > kMaxChecksumBytes) return std::nullopt;
  SHA2_CTX context;
  ::SHA256Init(&context);
  std::vector<unsigned char> piece(std::size_t{256} << 10);
  // As much as it has now: a file that grows all the while has an end, too.
  for (auto rest = st.st_size; rest > 0;) {
    const auto count =
        ::read(fd.get(), piece.data(), std::min<std::size_t>(piece.size(), static_cast<std::size_t>(rest)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error::from_errno("cannot read " + path, errno);
    if (count == 0) break;
    ::SHA256Update(&context, piece.data(), static_cast<std::size_t>(count));
    rest -= count;
  }
  char digits[SHA256_DIGEST_STRING_LENGTH];
  ::SHA256End(&context, digits);
  return digits;
}

std::vector<std::string> events_to_list(const std::string& event, bool is_adhoc, const HookPoints& points) {
  if (event.empty()) {
    std::vector<std::string> events;
    for (const auto& point : points.all()) events.emplace_back(point.name);
    return events;
  }
  if (points.find(event) == nullptr && !(is_adhoc && is_event_name(event)))
    throw Error(Errc::wrong_use,
                "there is no hook point '" + printable(event.substr(0, 80)) + "'" + points.did_you_mean(event));
  return {event};
}

std::vector<ListedHook> hooks_of(const std::vector<std::string>& events, const DiscoveryRules& rules) {
  std::vector<ListedHook> hooks;
  for (const auto& event : events) {
    auto found = discover(event, rules);
    for (const auto& file : found.ignored)
      if (file.is_problem()) complain("warning: " + file.path + " is not run: " + reason_of(file));
    for (auto& file : found.hooks) {
      ListedHook hook{event, std::move(file), std::nullopt, {}};
      try {
        hook.checksum = checksum_of(hook.file.path);
        if (!hook.checksum)
          hook.no_checksum = hook.file.path + " is larger than " + std::to_string(kMaxChecksumBytes) + " bytes";
      } catch (const Error& error) {
        hook.no_checksum = error.what();
      }
      if (!hook.checksum) complain("warning: no checksum: " + hook.no_checksum);
      hooks.push_back(std::move(hook));
    }
  }
  return hooks;
}

std::string to_text(const std::vector<ListedHook>& hooks, const std::vector<std::string>& layers) {
  Table table;
  for (const auto& hook : hooks)
    table.push_back({on_one_line(hook.file.name), hook.checksum.value_or("no checksum"), on_one_line(hook.file.path)});
  const auto lines = aligned(table, 2);
  std::string text;
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    if (i == 0 || hooks[i].event != hooks[i - 1].event) text += hooks[i].event + "\n";
    text += lines[i];
  }
  if (!hooks.empty()) return text;
  text = "no hooks in";
  for (const auto& layer : layers) text += " " + printable(layer);
  return text + "\n";
}

boost::json::value to_json(const std::vector<ListedHook>& hooks) {
  boost::json::array out;
  for (const auto& hook : hooks) {
    boost::json::object entry{{"event", hook.event},
                              {"name", printable(hook.file.name)},
                              {"path", printable(hook.file.path)},
                              {"checksum", nullptr},
                              {"no_checksum", nullptr},
                              {"layer", printable(hook.file.layer)}};
    if (hook.checksum) entry["checksum"] = *hook.checksum;
    if (!hook.checksum) entry["no_checksum"] = printable(hook.no_checksum);
    out.push_back(std::move(entry));
  }
  return {{"hooks", std::move(out)}};
}

}  // namespace

int list_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook list",
                      "Lists the hooks of EVENT, or of all hook points, in the order they run, with the "
                      "SHA-256 checksums of their files. Whether a hook runs depends on its conditions too: "
                      "vdsm-hook plan.");
  arguments.example("vdsm-hook list before_vm_start");
  std::string event, compat;
  bool is_adhoc = false;
  FormatOption format;
  LocationOptions locations;
  auto& named = arguments.positional(kHookPoint, &event, "the hook point; all of them unless given");
  format.add_to(arguments);
  add_compat(arguments, compat);
  arguments.flag("--adhoc", is_adhoc, "allow an EVENT that is no hook point").needs(named);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = locations.load();
  const bool is_strict = compat.empty();
  const auto hooks = hooks_of(events_to_list(event, is_adhoc, settings.points),
                              {settings.paths.hooks_dirs, is_strict, is_strict, settings.trust});
  print(format.is_json() ? to_line(to_json(hooks)) : to_text(hooks, settings.paths.hooks_dirs));
  return done;
}

}  // namespace vdsm_hook::cli

// vdsm-hook new NAME
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook::cli {
namespace {

struct NewFile {
  std::string name;
  std::string text;
  mode_t mode;
  std::string about;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_letter_or_digit(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

/// The hook's custom property. Throws wrong_use when NAME is no hook's name.
std::string property_of(const std::string& name) {
  constexpr std::size_t longest = 64;
  const bool is_plain =
      std::all_of(name.begin(), name.end(), [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; });
  if (!is_plain || name.size() > longest || !is_letter(name[0]))
    throw_wrong_use("'" + name.substr(0, 80) +
                    "' is no name for a hook: letters, digits, _ and -, a letter first, at most " +
                    std::to_string(longest) + " characters");
  std::string property = name;
  std::replace(property.begin(), property.end(), '-', '_');
  if (const auto why = refused_name(property))
    throw_wrong_use("a hook " + name + " would have a property " + property + ": " + *why);
  return property;
}

using Words = std::vector<std::pair<std::string, std::string>>;

// Lines that end with one marker are for events that deliver properties, with the other for those that do not.
std::string chosen_lines(std::string_view text, bool has_properties) {
  const auto ends_with = [](std::string_view& line, std::string_view marker) {
    if (!line.ends_with(marker)) return false;
    line.remove_suffix(marker.size());
    return true;
  };
  std::string chosen;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (ends_with(line, has_properties ? " @IF_NO_PROPERTY@" : " @IF_PROPERTY@")) continue;
    ends_with(line, has_properties ? " @IF_PROPERTY@" : " @IF_NO_PROPERTY@");
    chosen.append(line) += '\n';
  }
  return chosen;
}

std::string filled_in(std::string text, const Words& words) {
  for (const auto& [word, value] : words)
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size()))
      text.replace(at, word.size(), value);
  return text;
}

// A directory that vanishes with what is in it, unless it got its name.
class Draft {
 public:
  explicit Draft(const std::string& parent)
      : parent_(Directory::open(parent, Links::own)), name_(".vdsm-hook-new." + random_uuid().substr(0, 8)) {
    if (const int error = parent_.make_directory(name_, 0700); error != 0)
      throw Error::from_errno("cannot make a directory in " + parent, error);
    directory_ = Directory(parent_.open_file(name_, O_RDONLY | O_DIRECTORY).fd);
    if (!directory_)
      throw Error(Errc::engine_failure,
                  "cannot open the directory " + parent + "/" + name_ + ": somebody took it away");
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (name_.empty()) return;
    for (const auto& file : files_) directory_.remove(file);
    parent_.remove_directory(name_);
  }

  void add(const NewFile& file) {
    const auto opened = directory_.open_file(file.name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!opened) opened.fail("create", file.name);
    files_.push_back(file.name);
    write_all(opened.fd.get(), file.text, file.name);
    // Not left to the umask: files that a group may write are not trusted.
    if (::fchmod(opened.fd.get(), file.mode) != 0)
      throw Error::from_errno("cannot set the mode of " + file.name, errno);
  }

  /// Makes it the directory NAME beside it, which must not exist. Throws wrong_use if it does.
  void become(const std::string& name) {
    if (::fchmod(directory_.fd(), 0755) != 0) throw Error::from_errno("cannot set the mode of " + name, errno);
    if (const int error = parent_.rename(name_, name, RENAME_NOREPLACE); error != 0) {
      if (error == EEXIST) throw_wrong_use(printable(name) + " exists already");
      throw Error::from_errno("cannot create " + name, error);
    }
    name_.clear();
  }

 private:
  Directory parent_;
  std::string name_;  // in parent_; empty: it is a draft no more
  Directory directory_;
  std::vector<std::string> files_;
};

struct Event {
  std::string name;
  std::string words;  // what `run` wants besides
  PayloadKind payload = PayloadKind::none;
  bool has_properties = true;
  std::string first = {};  // what must be done before the hook is installed, as a paragraph
};

// A document for the first cases.
std::string example_of(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::none: return "";
    case PayloadKind::domain_xml: return "<domain type='kvm'><name>web-01</name><on_crash>destroy</on_crash></domain>";
    case PayloadKind::device_xml: return "<interface type='bridge'><mac address='52:54:00:00:00:01'/></interface>";
    case PayloadKind::json: return "{}";
  }
  return "";
}

Event event_called(const std::string& name, bool is_adhoc, const HookPoints& points) {
  if (const auto* point = points.find(name)) {
    const auto& rules = point->ours;
    return {name, std::string(option_for(rules.payload)), rules.payload,
            rules.vm_properties || rules.device_properties};
  }
  if (is_adhoc && is_event_name(name))
    return {name, " --adhoc", PayloadKind::none, true,
            "First, `" + name + "` must become a hook point, by a table `[" + name +
                "]`: on this host in a file of\n`" + Paths::system_config_dir() +
                "/hookpoints.d`, for a package in `hookpoints/hookpoints.toml` of the sources.\n\n"};
  throw_wrong_use("there is no hook point '" + printable(name.substr(0, 80)) + "'" + points.did_you_mean(name));
}

std::vector<NewFile> files_of(const std::string& name, const Event& event, const std::string& language,
                              const std::string& templates) {
  const auto source = name + "." + language;
  const bool is_script = language != "cpp";
  const Words words{{"@NAME@", name},
                    {"@PROPERTY@", property_of(name)},
                    {"@EVENT@", event.name},
                    {"@OPTIONS@", event.words},
                    {"@FIRST@", event.first},
                    {"@HOOKS_DIR@", Paths::system_hooks_dir()},
                    {"@KIND@", std::string(to_string(event.payload))},
                    {"@PAYLOAD@", example_of(event.payload)},
                    {"@SOURCE@", source},
                    {"@PROGRAM@", is_script ? source : name},
                    {"@SUMMARY@", "Says that it was called, and does nothing yet"}};
  const auto from = [&](const std::string& file) {
    try {
      return filled_in(chosen_lines(read_file(templates + "/" + file, kMaxSettingsBytes), event.has_properties), words);
    } catch (const Error& error) {
      throw Error(Errc::engine_failure, std::string("the SDK is not complete: ") + error.what());
    }
  };
  return {
      {"hook.toml", from("hook.toml.in"), 0644, "what the hook is, its properties and events"},
      {source, from("hook." + language + ".in"), is_script ? 0755U : 0644U, "the hook itself: go on here"},
      {"cases.json", from("cases.json.in"), 0644, "what it must do, which the tests of the vdsm-hook sources look at"},
      {"README.md", from("README.md.in"), 0644, "how to try and to install it"}};
}

}  // namespace

int new_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook new",
                      "Makes the folder of a new hook that runs at EVENT as soon as its custom property, "
                      "which has its name, is true; each time where EVENT delivers no properties. It works "
                      "at once, and does nothing yet.");
  arguments.example("vdsm-hook new noreboot --event before_vm_start --lang sh");
  std::string name, event, language, directory = ".";
  bool is_adhoc = false;
  LocationOptions locations;
  arguments.positional("NAME", &name, "the hook's name, also that of the folder").required();
  arguments.option("--event", &event, kHookPoint, "the hook point").required();
  arguments.option("--lang", &language, "", "the language").one_of({"sh", "python", "cpp"}).required();
  arguments.flag("--adhoc", is_adhoc, "allow an event that is no hook point");
  arguments.option("--into", &directory, kDirectory, "where the folder is made, instead of here");
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = locations.load();
  const auto files = files_of(name, event_called(event, is_adhoc, settings.points),
                              language == "python" ? "py" : language, settings.paths.sdk_new_dir);
  if (const auto st = status_of(directory); !st || !S_ISDIR(st->st_mode))
    throw_wrong_use(directory + " is no directory");
  const auto folder = (directory == "." ? "" : directory + (directory.ends_with('/') ? "" : "/")) + name;
  if (status_of(folder, false)) throw_wrong_use(folder + " exists already");
  Draft draft(directory);
  Table table;
  for (const auto& file : files) {
    draft.add(file);
    table.push_back({folder + "/" + file.name, file.about});
  }
  draft.become(name);

  std::string text;
  for (const auto& line : aligned(table, 0)) text += line;
  print(printable(text + "\n" + folder + "/README.md has the commands that try it.\n"));
  return done;
}

}  // namespace vdsm_hook::cli

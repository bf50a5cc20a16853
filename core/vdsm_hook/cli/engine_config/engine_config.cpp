// The program under the name engine-config: the definitions of custom properties, set as with oVirt's tool of that
// name.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/engine_config/engine_config.hpp"
#include "vdsm_hook/cli/engine_config/engine_config_args.hpp"
#include "vdsm_hook/cli/engine_config/engine_config_grammar.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/levels.hpp"
#include "vdsm_hook/engine/host_properties.hpp"

namespace vdsm_hook::cli {
namespace {

using Action = EngineConfigAction;

constexpr std::string_view kHelp =
    "Usage: engine-config <action> [<args>]\n"
    "\n"
    "Shows and sets the definitions of custom properties on this host.\n"
    "\n"
    "AVAILABLE ACTIONS:\n"
    "  -l, --list                 the keys, with what each is for; with -o, --only-reloadable none\n"
    "  -a, --all                  the values of all keys\n"
    "  -g KEY, --get=KEY          the value of KEY: at --cver, else at each of its versions\n"
    "  -s KEY=VALUE, --set        set KEY to VALUE, all of it\n"
    "  -m KEY=VALUE, --merge      add the items of VALUE to those of KEY; the same name is replaced\n"
    "  -d, --diff                 the values that are not the default\n"
    "  -h, --help                 this text\n"
    "To set and to merge need a version when KEY has several; a terminal is asked for it.\n"
    "\n"
    "OPTIONS, behind the action and its KEY:\n"
    "      --cver=VERSION         a compatibility version, 4.2 to 4.8; added when KEY lacks it\n"
    "  -p, --properties=FILE      only the keys in FILE, as it describes them: KEY.description=TEXT\n"
    "  -c, --config=FILE          must exist; has no effect\n"
    "      --config-dir=DIR       instead of @CONFIG_DIR@\n"
    "      --log-file=FILE, --log-level=LEVEL\n"
    "                             have no effect\n"
    "\n"
    "SETTING PASSWORDS:\n"
    "  No key is a password. -u, --user=NAME and --admin-pass-file=FILE have no effect.\n"
    "\n"
    "CUSTOM LOGGING:\n"
    "  Nothing is logged: what is wrong is printed.\n"
    "\n"
    "EXAMPLE:\n"
    "  engine-config -s \"UserDefinedVMProperties=macspoof=(true|false)\"\n"
    "\n"
    "Exit code: 0 done; 1 not done, for the reason that is printed.\n"
    "\n"
    "NOTE: nothing needs to be restarted. A change holds from the next event on.\n";

// An error with more to say than oVirt's words for it.
class Refusal : public Error {
 public:
  Refusal(const std::string& text, std::string more) : Error(Errc::wrong_use, text), more_(std::move(more)) {}
  const std::string& more() const { return more_; }

 private:
  std::string more_;
};

void print_line(const std::string& text) { print(printable(text) + "\n"); }

// A key as this call knows it.
struct Key {
  const DefinitionKeyFacts* facts;
  std::string description, type;
};

void must_exist(const std::string& file) {
  if (!status_of(file) && (errno == ENOENT || errno == ENOTDIR)) throw_wrong_use("Files " + file + " does not exist");
}

// All keys, or those in FILE, which has lines KEY.ATTRIBUTE=TEXT.
std::vector<Key> keys_of(const std::string& file) {
  std::vector<Key> all;
  for (const auto& facts : definition_keys())
    all.push_back({&facts, std::string(facts.description), std::string(facts.type)});
  if (file.empty()) return all;
  must_exist(file);
  const auto content = read_file(file, kMaxSettingsBytes);
  std::vector<Key> named;
  for (auto& key : all) {
    bool is_named = false;
    for (std::string_view rest = content; !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      const auto equals = std::min(line.find('='), line.size());
      const auto name = trimmed(line.substr(0, equals));
      const std::string prefix = std::string(key.facts->name) + ".";
      if (equals == line.size() || !name.starts_with(prefix)) continue;
      is_named = true;
      const auto behind = line.substr(equals + 1);
      const auto text = trimmed(behind.substr(0, behind.find('=')));  // oVirt's tool cuts it there
      if (name.substr(prefix.size()) == "description") key.description = text;
      if (name.substr(prefix.size()) == "type") key.type = text;
    }
    if (is_named) named.push_back(std::move(key));
  }
  return named;
}

const DefinitionKeyFacts& find_key(const std::vector<Key>& keys, const EngineConfigArgs& args) {
  std::vector<std::string_view> names;
  for (const auto& key : keys) {
    if (args.key == key.facts->name) return *key.facts;
    names.push_back(key.facts->name);
  }
  const auto& file = args.properties_file;
  throw_wrong_use("There is no key '" + args.key.substr(0, 80) + "'" + (file.empty() ? "" : " in " + file) +
                  did_you_mean(args.key, names) + "; engine-config -l" + (file.empty() ? "" : " -p " + file) +
                  " lists them");
}

std::string ovirts_levels() { return joined(compatibility_levels(), ", "); }

void list(const std::vector<Key>& keys) {
  for (const auto& key : keys)
    print_line(std::string(key.facts->name) + ": " + key.description + " (Value Type: " + key.type + ")");
}

// The rows of KEY; of LEVEL only, unless it is empty.
void print_rows(const DefinitionKeyFacts& key, const PropertyStore& store, const std::string& level = {}) {
  for (const auto& each : store.levels(key.key))
    if (level.empty() || each == level)
      print_line(std::string(key.name) + ": " + *store.text(key.key, each) + " version: " + each);
}

void get(const DefinitionKeyFacts& key, const PropertyStore& store, const std::string& level) {
  if (level.empty()) return print_rows(key, store);
  const auto* text = store.text(key.key, level);
  if (text == nullptr)
    throw Refusal("Error fetching " + std::string(key.name) + " value: no such entry with version '" + level + "'.",
                  having_levels(key, store.levels(key.key)));
  print_line(*text);
}

void print_differences(const DefinitionKeyFacts& key, const PropertyStore& store) {
  for (const auto& level : store.levels(key.key))
    if (const auto& text = *store.text(key.key, level); text != key.default_text)
      print_line("Name: " + std::string(key.name) + "\nVersion: " + level + "\nCurrent: " + text +
                 "\nDefault: " + std::string(key.default_text) + "\n");
}

// One line that was typed; nullopt: there is none.
std::optional<std::string> read_line() {
  constexpr std::size_t most = 80;
  std::string line;
  for (char c = 0;;) {
    const auto n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    if (c == '\n') return trimmed(line);
    if (line.size() < most) line += c;
  }
}

std::string ask_for_level(const std::vector<std::string>& levels) {
  std::string menu = "Please select a version:\n";
  for (std::size_t i = 0; i < levels.size(); ++i) menu += std::to_string(i + 1) + ". " + levels[i] + "\n";
  for (;;) {
    print(menu);
    const auto line = read_line();
    if (!line)
      throw_wrong_use("The input ended before a version was selected: select one, or say it with --cver=" +
                      levels.back());
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), number);
    const bool is_number = error == std::errc() && end == line->data() + line->size();
    if (is_number && number >= 1 && number <= levels.size()) return levels[number - 1];
  }
}

// The level to change. VERB is what oVirt calls that.
std::string level_to_change(const DefinitionKeyFacts& key, const Settings& settings, const std::string& asked,
                            const char* verb) {
  if (!asked.empty()) {
    if (is_level(asked)) return asked;
    throw Refusal("Error " + std::string(verb) + " " + std::string(key.name) + "'s value. No such entry with version " +
                      asked + ".",
                  "oVirt's compatibility versions are " + ovirts_levels());
  }
  const auto levels = read_store(settings).levels(key.key);
  if (levels.size() == 1) return levels[0];
  if (::isatty(STDIN_FILENO) == 0) throw_wrong_use(several_levels(key, levels));
  return ask_for_level(levels);
}

// WHY without the key in front of it, which the sentence before has named.
std::string without_key(const DefinitionKeyFacts& key, const std::string& level, std::string_view why) {
  const std::string name(key.name);
  for (const auto& prefix : {name + ": ", name + " (level " + level + "): ", std::string("the definitions: ")})
    if (why.starts_with(prefix)) return std::string(why.substr(prefix.size()));
  return std::string(why);
}

[[noreturn]] void refuse(const DefinitionKeyFacts& key, const std::string& value, const std::string& why) {
  const auto text = "Cannot set value " + value + " to key " + std::string(key.name) + ". ";
  const auto by_ovirt = refusal_by_ovirt(key.key, value);
  if (by_ovirt.empty()) throw_wrong_use(text + why);
  throw Refusal(text + by_ovirt, why);
}

void set(const DefinitionKeyFacts& key, const Settings& settings, const EngineConfigArgs& args) {
  const auto level = level_to_change(key, settings, args.level, "setting");
  change_store(settings, [&](PropertyStore& store) {
    try {
      store.set_text(key.key, level, *args.value);
    } catch (const Error& error) {
      refuse(key, *args.value, without_key(key, level, error.what()));
    }
  });
}

void merge(const DefinitionKeyFacts& key, const Settings& settings, const EngineConfigArgs& args) {
  const std::string name(key.name);
  if (!key.is_mergeable)
    throw_wrong_use(name + " cannot be merged into: copy what engine-config -g " + name +
                    " shows, and set all of it with engine-config -s " + name + "=...");
  const auto level = level_to_change(key, settings, args.level, "merging");
  bool is_changed = true;
  change_store(settings, [&](PropertyStore& store) {
    const auto* found = store.text(key.key, level);
    const std::string old = found == nullptr ? "" : *found;
    try {
      // Where nothing was, what is given is kept as it is.
      const auto merged = old.empty() ? *args.value : merged_definitions(old, *args.value);
      is_changed = old.empty() ? !merged.empty() : merged != merged_definitions(old, "");
      if (is_changed) store.set_text(key.key, level, merged);
    } catch (const Error& error) {
      refuse(key, appended_items(old, *args.value), without_key(key, level, error.what()));
    }
  });
  if (!is_changed) print("Merge operation cancelled as value is unchanged.\n");
}

void act(const EngineConfigArgs& args) {
  if (args.action == Action::help) {
    constexpr std::string_view word = "@CONFIG_DIR@";
    return print(std::string(kHelp).replace(kHelp.find(word), word.size(), Paths::system_config_dir()));
  }
  if (const auto missing = missing_in(args); !missing.empty()) throw_wrong_use(missing);
  if (!args.config_file.empty()) must_exist(args.config_file);
  const auto keys = keys_of(args.properties_file);
  if (args.action == Action::list) return args.is_only_reloadable ? void() : list(keys);  // no key is marked so

  const bool is_about_a_key = args.action != Action::all && args.action != Action::diff;
  const auto* key = is_about_a_key ? &find_key(keys, args) : nullptr;
  const auto settings = Settings::load(Paths::of_this_program(), {{}, args.config_dir, {}});
  if (args.action == Action::set) return set(*key, settings, args);
  if (args.action == Action::merge) return merge(*key, settings, args);
  const auto store = read_store(settings);
  if (key != nullptr) return get(*key, store, args.level);
  for (const auto& each : keys)
    args.action == Action::all ? print_rows(*each.facts, store, args.level) : print_differences(*each.facts, store);
}

bool is_one_file(int left, int right) {
  struct stat a {
  }, b{};
  return ::fstat(left, &a) == 0 && ::fstat(right, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// TEXT goes to stdout, where oVirt's tool has it and scripts look for it, and to stderr; MORE to stderr alone.
int fail(const std::string& text, const std::string& more = {}) {
  const auto line = printable(text) + "\n";
  const auto beside =
      (is_one_file(STDOUT_FILENO, STDERR_FILENO) ? "" : line) + (more.empty() ? "" : printable(more) + "\n");
  for (const auto& [fd, what] : {std::pair(STDOUT_FILENO, line), std::pair(STDERR_FILENO, beside)}) {
    try {
      write_all(fd, what, "a standard stream");
    } catch (const Error&) {  // nobody listens there
    }
  }
  return 1;
}

}  // namespace

int engine_config_main(int argc, char** argv) {
  try {
    const std::vector<std::string_view> words(argv + std::min(argc, 1), argv + argc);
    act(parse_engine_config_args(words));
    return done;
  } catch (const Refusal& refusal) {
    return fail(refusal.what(), refusal.more());
  } catch (const Error& error) {
    return fail(error.what());
  } catch (const std::exception& error) {
    return fail(std::string("internal error: ") + error.what());
  }
}

}  // namespace vdsm_hook::cli

#include "vdsm_hook/hookpoints/hookpoints.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <vector>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/toml/table.hpp"

namespace vdsm_hook {

#include "builtin_hook_points.inc"

namespace {

// Positions in the table, in byte order of the names; made by the compiler.
constexpr auto kByName = [] {
  std::array<std::uint16_t, kBuiltinHookPoints.size()> order{};
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint16_t>(i);
  std::sort(order.begin(), order.end(),
            [](auto a, auto b) { return kBuiltinHookPoints[a].name < kBuiltinHookPoints[b].name; });
  return order;
}();

const HookPoint* find_builtin(std::string_view name) noexcept {
  const auto found = std::lower_bound(kByName.begin(), kByName.end(), name, [](auto at, std::string_view wanted) {
    return kBuiltinHookPoints[at].name < wanted;
  });
  if (found == kByName.end() || kBuiltinHookPoints[*found].name != name) return nullptr;
  return &kBuiltinHookPoints[*found];
}

// The files of SITE_DIR that are settings, in byte order; no allocation when there is no such directory.
std::vector<std::string> settings_in(const std::string& site_dir) {
  auto opened = open_path(site_dir, O_PATH | O_DIRECTORY);
  if (opened.error == ENOENT) return {};
  if (opened.error == ENOTDIR) throw Error(Errc::bad_configuration, site_dir + " is not a directory");
  if (!opened) opened.fail("read the hook points in", site_dir);
  const Directory directory(std::move(opened.fd));
  std::vector<std::string> names;
  const int error = directory.each_name([&](std::string name) {
    if (name.front() == '.' || !name.ends_with(".toml")) return true;
    const auto st = directory.status(name, true);
    if (st && S_ISREG(st->st_mode)) names.push_back(std::move(name));
    return true;
  });
  if (error != 0) throw Error::from_errno("cannot read the hook points in " + site_dir, error);
  std::sort(names.begin(), names.end());
  return names;
}

std::string one_line(TomlTable& table, std::string_view key) {
  auto text = table.text(key).value_or("");
  if (text.find_first_of("\n\t") != std::string::npos || printable(text) != text)
    table.fail(key, std::string(key) + " must be one line without control characters");
  return text;
}

PayloadKind payload(TomlTable& table) {
  const auto word = table.text("payload");
  const auto kind = word ? payload_kind(*word) : PayloadKind::none;
  if (!kind)
    table.fail("payload",
               "payload must be \"domxml\", \"device_xml\", \"json\" or \"none\", not \"" + printable(*word) + "\"");
  return *kind;
}

}  // namespace

std::span<const HookPoint> builtin_hook_points() noexcept { return kBuiltinHookPoints; }

struct HookPoints::Site {
  std::deque<std::string> texts;  // what the points below refer to; a deque never moves its elements
  std::vector<HookPoint> all{kBuiltinHookPoints.begin(), kBuiltinHookPoints.end()};

  std::span<const HookPoint> added() const noexcept { return std::span(all).subspan(kBuiltinHookPoints.size()); }
  const HookPoint* find_added(std::string_view name) const noexcept {
    const auto points = added();
    const auto found = std::find_if(points.begin(), points.end(), [&](const auto& p) { return p.name == name; });
    return found == points.end() ? nullptr : &*found;
  }
  std::string_view keep(std::string text) {
    return text.empty() ? std::string_view() : std::string_view(texts.emplace_back(std::move(text)));
  }

  void read(const std::string& file) {
    auto document = TomlTable::read(file);
    const auto origin = keep(file);
    for (const auto& name : document.keys()) {
      if (!is_event_name(name))
        document.fail(name, "'" + printable(name) + "' is not the name of an event: one plain file name of " +
                                "letters, digits, '_', '-' and '.'");
      if (find_builtin(name) != nullptr) document.fail(name, name + " is a built-in hook point already");
      if (const auto* other = find_added(name))
        document.fail(name, name + " is a hook point already, from " + std::string(other->origin));
      auto table = *document.table(name);
      add(name, table, origin);
    }
  }

  void add(const std::string& name, TomlTable& table, std::string_view origin) {
    HookPointRules rules{};
    rules.payload = payload(table);
    const bool device = rules.payload == PayloadKind::device_xml;
    rules.result_used = table.flag("result_used").value_or(false);
    rules.vetoes = table.flag("vetoes").value_or(false);
    rules.vm_properties = table.flag("vm_properties").value_or(device || rules.payload == PayloadKind::domain_xml);
    rules.device_properties = table.flag("device_properties").value_or(device);
    rules.from_elsewhere = table.flag("from_elsewhere").value_or(false);
    const auto parameters = keep(one_line(table, "parameters"));
    const auto fires = keep(one_line(table, "fires"));
    const auto follows = keep(one_line(table, "follows"));
    table.done();
    if (!table.text("payload")) table.fail("payload", "payload is missing in [" + name + "]");
    if (rules.result_used && rules.payload == PayloadKind::none)
      table.fail("result_used", "result_used makes no sense in [" + name + "]: its payload is none");
    auto vdsm = rules;
    vdsm.from_elsewhere = false;
    all.push_back({keep(name), rules, vdsm, parameters, fires, follows, origin, {}});
  }
};

HookPoints HookPoints::load(const std::string& site_dir) {
  HookPoints points;
  const auto names = settings_in(site_dir);
  if (names.empty()) return points;
  auto site = std::make_shared<Site>();
  for (const auto& name : names) site->read(site_dir + "/" + name);
  points.site_ = std::move(site);
  return points;
}

const HookPoint* HookPoints::find(std::string_view name) const noexcept {
  if (const auto* point = find_builtin(name)) return point;
  return site_ ? site_->find_added(name) : nullptr;
}

std::string HookPoints::did_you_mean(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const auto& point : all()) names.push_back(point.name);
  return vdsm_hook::did_you_mean(name, names);
}

std::span<const HookPoint> HookPoints::all() const noexcept {
  return site_ ? std::span<const HookPoint>(site_->all) : builtin_hook_points();
}

}  // namespace vdsm_hook

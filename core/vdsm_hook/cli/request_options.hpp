// The options of `run` and `plan` that make a request.
#pragma once

#include <string>
#include <vector>

#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/engine/engine.hpp"

namespace vdsm_hook::cli {

class RequestOptions {
 public:
  void add_to(Arguments& arguments);
  /// Reads the documents. Throws wrong_use.
  Request request(const Settings& settings) const;
  const std::string& event() const { return event_; }
  /// The files that the request is read from, as they were given.
  std::vector<GivenFile> inputs() const;
  GivenFile domain_input() const;
  LocationOptions locations;

 private:
  std::string event_, domxml_, device_xml_, json_, domain_, vm_id_, on_error_, compat_, timeout_;
  std::vector<std::string> properties_, device_properties_, parameters_, skip_;
  bool adhoc_ = false;
};

}  // namespace vdsm_hook::cli

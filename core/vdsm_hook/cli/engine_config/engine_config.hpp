// The program when it is called engine-config.
#pragma once

namespace vdsm_hook::cli {

/// Its exit codes: 0 done, 1 not. Throws nothing.
int engine_config_main(int argc, char** argv);

}  // namespace vdsm_hook::cli

// The CPU backend against the headers of oneDNN 3; read, not linked (check.sh).
#include <oneapi/dnnl/dnnl_version.h>

static_assert(DNNL_VERSION_MAJOR == 3, "this check is about oneDNN 3: its headers must come first");

#include <regulus/cpu.hpp>
#include <regulus/cpu/learning.hpp>

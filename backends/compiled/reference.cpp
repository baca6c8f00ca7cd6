// The definitions of backends/reference/.
#include <regulus/reference-impl.hpp>

// The definitions of backends/reference/.
#include <regulus/reference-impl.hpp>
#include <regulus/reference/learning-impl.hpp>

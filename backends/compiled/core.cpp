// The definitions of include/regulus/core/.
#include <regulus/core/atomic_file-impl.hpp>
#include <regulus/core/json-impl.hpp>
#include <regulus/core/large_pages-impl.hpp>
#include <regulus/core/mapped_file-impl.hpp>
#include <regulus/core/xml-impl.hpp>

// The definitions of include/regulus/graph/.
#include <regulus/graph/bind-impl.hpp>
#include <regulus/graph/describe-impl.hpp>
#include <regulus/graph/graph-impl.hpp>
#include <regulus/graph/inputs-impl.hpp>
#include <regulus/graph/memory_plan-impl.hpp>
#include <regulus/graph/passes-impl.hpp>
#include <regulus/graph/program-impl.hpp>
#include <regulus/graph/record-impl.hpp>

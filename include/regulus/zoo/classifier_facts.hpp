#pragma once
// A classifier's facts as text beside its weights, as facts_to_metadata does it for detectors.
#include <map>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/zoo/classifier_spec.hpp>

namespace regulus {

/// For the metadata of a safetensors file: regulus.preprocessing (a JSON object), and regulus.classes where names are known.
std::map<std::string, std::string> facts_to_metadata(const ClassifierFacts& facts);

/// What a file of weights states, put over `defaults`. Throws FileError, naming the source, for a regulus.* key that cannot be understood.
ClassifierFacts facts_from_metadata(const std::map<std::string, std::string>& metadata, const ClassifierFacts& defaults, const std::string& source);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/zoo/classifier_facts-impl.hpp>
#endif

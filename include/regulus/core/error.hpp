#pragma once
// What Regulus throws: every error says who, what was expected, what was met and what to do.
#include <stdexcept>
#include <string>

namespace regulus {

/// Base of all errors that Regulus throws on purpose. A failed call leaves its objects as they were.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Sizes that do not fit together, or are out of bounds.
class ShapeError : public Error {
public:
    using Error::Error;
};

/// Parameters that are missing, unexpected or misshapen.
class WeightError : public Error {
public:
    using Error::Error;
};

/// A file that cannot be opened, read, understood or written.
class FileError : public Error {
public:
    using Error::Error;
};

/// Something a backend or device cannot do; names the node.
class BackendError : public Error {
public:
    using Error::Error;
};

/// An argument outside its documented range, an unknown name.
class ArgumentError : public Error {
public:
    using Error::Error;
};

}  // namespace regulus

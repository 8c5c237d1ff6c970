// SPDX-License-Identifier: LGPL-2.1-or-later
// The container's element types.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <c10/core/ScalarType.h>

namespace anomaly {

struct ElementType {
  std::string_view name;
  uint64_t bytes;
  std::optional<c10::ScalarType> torch;  // none: known to the container, not read here
};

inline constexpr ElementType kElementTypes[] = {
    {"F32", 4, c10::ScalarType::Float},
    {"F16", 2, c10::ScalarType::Half},
    {"BF16", 2, c10::ScalarType::BFloat16},
    {"F64", 8, c10::ScalarType::Double},
    {"I64", 8, c10::ScalarType::Long},
    {"I32", 4, c10::ScalarType::Int},
    {"I16", 2, c10::ScalarType::Short},
    {"I8", 1, c10::ScalarType::Char},
    {"U8", 1, c10::ScalarType::Byte},
    {"BOOL", 1, c10::ScalarType::Bool},
    {"U16", 2, std::nullopt},
    {"U32", 4, std::nullopt},
    {"U64", 8, std::nullopt},
    {"F8_E4M3", 1, std::nullopt},
    {"F8_E5M2", 1, std::nullopt},
};

inline const ElementType* element_type(std::string_view name) {
  for (const ElementType& type : kElementTypes)
    if (type.name == name) return &type;
  return nullptr;
}

inline const ElementType* element_type(c10::ScalarType torch) {
  for (const ElementType& type : kElementTypes)
    if (type.torch == torch) return &type;
  return nullptr;
}

}  // namespace anomaly

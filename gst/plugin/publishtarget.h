// SPDX-License-Identifier: LGPL-2.1-or-later
// Where lines go: the property `location` of anomalypublish, taken apart.
#pragma once

#include <string>

namespace anomaly {

struct PublishTarget {
  enum class Kind { File, Mqtt, Kafka };

  Kind kind = Kind::File;
  std::string location;  // as it was given: a file, or what messages call the broker. Never a password
  bool tls = false;
  std::string host;     // MQTT: a name or an address, IPv6 without brackets
  int port = 0;         // MQTT
  std::string brokers;  // Kafka: "host[:port],..."
  std::string topic;
};

// "-" or a file; mqtt://HOST[:PORT]/TOPIC (port 1883), mqtts:// (TLS, 8883); kafka://HOST[:PORT][,...]/TOPIC
// (9092), kafkas:// (TLS). The topic is what follows the first slash, as it stands. False, and why in
// *problem, for a broker's address that cannot be used; anything else is a file.
bool parse_publish_target(const std::string& location, PublishTarget* target, std::string* problem);

}  // namespace anomaly

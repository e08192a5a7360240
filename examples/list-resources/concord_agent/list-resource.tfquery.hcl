# The agents whose name begins with web-.
list "concord_agent" "all" {
  provider = concord
  limit    = 1000

  config {
    name_prefix = "web-"
  }
}

# The agent in front of an application of NYDC; see docs/gate.md. Relative paths count from this file's folder, so copy it
# to where the files that it names are (the README says how to make them).

cluster_id  = "NYDC"                  # answers of another data center's server are not taken from a "server"
agent       = "web-nydc"              # as the concord_agent is called
secret_file = "gate.secret"           # its secret_wo, on one line
listen      = "127.0.0.1:7405"        # the origin of NYDC in the variable origins
upstream    = "http://127.0.0.1:7406" # the application

# Roots of both data centers: NYDC/data/ca.pem and LDC/data/ca.pem in one file.
ca_file = "roots.pem"

# NYDC's servers, by node name, at their runtime listeners.
server "nydc1" {
  url = "https://127.0.0.1:7401"
}

# Asked only while no server of NYDC answers. People then sign in at LDC, and stay signed in when NYDC is back.
secondary "ldc1" {
  url = "https://127.0.0.1:7411"
}

# Browsers keep Concord's cookies over https only.
tls {
  cert_file = "gate.pem"
  key_file  = "gate.key"
}

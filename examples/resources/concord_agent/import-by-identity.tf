import {
  to = concord_agent.ny
  identity = {
    id = "web-nydc"
  }
}

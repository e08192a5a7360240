import {
  to = concord_agent.ny
  id = "web-nydc"
}

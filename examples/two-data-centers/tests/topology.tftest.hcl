# terraform test: what this configuration declares, without any data center. The providers are mocked: nothing is sent, and what a
# data center would answer is made up, but for the roots, which must be certificates.

mock_provider "concord" {
  alias  = "master"
  source = "./tests/mocks"
}

mock_provider "concord" {
  alias  = "clone"
  source = "./tests/mocks"
}

variables {
  dev_json      = "tests/dev.json"
  passwords     = { alice = "choose-one", bob = "choose-another" }
  agent_secrets = { NYDC = "at-least-16-characters", LDC = "at-least-16-characters" }
}

run "one_master_and_its_clone" {
  assert {
    condition     = concord_data_center.master.cluster_id == "NYDC" && concord_data_center.master.role == "master" && concord_data_center.clone.role == "clone"
    error_message = "The first data center of dev.json is the master, the second its clone."
  }

  assert {
    condition     = concord_replication_agreement.clone.source == "NYDC" && concord_replication_agreement.clone.target == "LDC"
    error_message = "The agreement does not go from master to clone."
  }

  assert {
    condition     = alltrue([for r in [concord_data_center.master, concord_data_center.clone, concord_replication_agreement.clone] : r.deletion_protection])
    error_message = "Something may be destroyed by mistake."
  }
}

run "one_agent_for_each_origin" {
  assert {
    condition     = toset(keys(concord_agent.web)) == toset(["NYDC", "LDC"]) && toset(concord_application.wiki.hosts) == toset(["127.0.0.1:7405", "127.0.0.1:7415"])
    error_message = "The application is not at the agents' origins."
  }
}

run "an_origin_without_data_center" {
  command = plan

  variables {
    origins       = { SGDC = "https://sg.example.com" }
    agent_secrets = { SGDC = "at-least-16-characters" }
  }

  expect_failures = [concord_agent.web]
}

run "before_a_destroy" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !concord_data_center.master.deletion_protection && !concord_replication_agreement.clone.deletion_protection
    error_message = "deletion_protection does not reach everything."
  }
}
